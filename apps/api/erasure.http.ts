import { Inject } from '@nestjs/common';
import { ConsentService } from '#consent';
import { Call, Route, type RouteCall, RouteController, type RouteSpec } from '#http';
import { SubjectsService } from '#identity';

const ERASE = {
  method: 'DELETE', path: '/v1/subjects/:id', permission: 'subjects.erase', tag: 'subjects',
  summary: 'Erase a person, for good',
  description:
    "Destroys the person's key: footage, replicas and renders of this person can never be read again, not even from a backup. Every consent must have ended before.",
  responses: { 204: { description: 'Erased. Erasing again is no fault.' } },
  refusals: ['state-conflict'],
} as const satisfies RouteSpec; // prettier-ignore

/** In the app, because identity may not look up at the consents that hold an erasure back. */
@RouteController()
export class ErasureController {
  constructor(
    @Inject(SubjectsService) private readonly subjects: SubjectsService,
    @Inject(ConsentService) private readonly consents: ConsentService,
  ) {}

  @Route(ERASE)
  async erase(@Call() { principal, params }: RouteCall<typeof ERASE>): Promise<void> {
    const { state } = await this.subjects.get(principal.tenantId, params['id']!);
    if (state !== 'erased') await this.consents.eraseSubject(principal, params['id']!);
  }
}
