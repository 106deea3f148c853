import { Module } from '@nestjs/common';
import { ConsentModule, ConsentService } from '#consent';
import { Db } from '#db';
import { VerificationService } from './verification.service.ts';

@Module({
  imports: [ConsentModule],
  providers: [
    {
      provide: VerificationService,
      inject: [Db, ConsentService],
      useFactory: (db: Db, consent: ConsentService) => new VerificationService(db, consent),
    },
  ],
  exports: [VerificationService],
})
export class VerificationModule {}
