/** The open platform of this process, for the few doors that need more than one service of it: health, metrics, the log. */
export const PLATFORM = Symbol('platform');
