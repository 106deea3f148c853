import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { Db } from '#db';
import { IdentityModule, SubjectsService } from '#identity';
import { ReceiptKey } from '#pki';
import { Jobs } from '#queue';
import { ConsentService } from './consent.service.ts';

/** Until there are doors (HTTP), a status link is a name that nothing answers. */
const STATUS_BASE = 'urn:assent:status';

@Module({
  imports: [IdentityModule],
  providers: [
    {
      provide: ConsentService,
      inject: [Db, Audit, Jobs, ReceiptKey, SubjectsService],
      useFactory: (db: Db, audit: Audit, jobs: Jobs, receipts: ReceiptKey, subjects: SubjectsService) =>
        new ConsentService(db, audit, jobs, receipts, subjects, STATUS_BASE),
    },
  ],
  exports: [ConsentService],
})
export class ConsentModule {}
