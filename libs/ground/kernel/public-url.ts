/** Where people reach this deployment, without a trailing slash: the base of every link that leaves it. Never taken from a request. */
export class PublicUrl {
  constructor(readonly base: string) {}
}
