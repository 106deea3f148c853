import { availableParallelism } from 'node:os';
import { Module } from '@nestjs/common';
import { ConsentModule, ConsentService } from '#consent';
import { Db } from '#db';
import { Scratch } from '#storage';
import { MAX_VERIFY_FILE, VerificationDesk } from './verification-desk.ts';
import { VerificationKit } from './verification-kit.ts';
import { VerificationService } from './verification.service.ts';

@Module({
  imports: [ConsentModule],
  providers: [
    {
      provide: VerificationService,
      inject: [Db, ConsentService, VerificationKit],
      useFactory: (db: Db, consent: ConsentService, kit: VerificationKit) => new VerificationService(db, consent, kit),
    },
    {
      provide: VerificationDesk,
      inject: [VerificationService, Scratch],
      useFactory: (verification: VerificationService, scratch: Scratch) =>
        new VerificationDesk(verification, scratch, {
          maxBytes: MAX_VERIFY_FILE,
          running: Math.max(1, availableParallelism()),
          inside: 64,
          bytesInside: 2 * 1024 ** 3,
          waitMs: 60_000,
          workMs: 60_000,
        }),
    },
  ],
  exports: [VerificationService, VerificationDesk],
})
export class VerificationModule {}
