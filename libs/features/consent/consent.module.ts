import { Module } from '@nestjs/common';
import { Links } from '#access';
import { Audit } from '#audit';
import { Db } from '#db';
import { IdentityModule, SubjectsService } from '#identity';
import { PublicUrl } from '#kernel';
import { ReceiptKey } from '#pki';
import { Jobs } from '#queue';
import { Scratch } from '#storage';
import { MediaKit, UploadsModule, UploadsService } from '#uploads';
import { ConsentAnswers } from './consent-answers.service.ts';
import { ConsentCheck } from './consent-check.job.ts';
import { ConsentService } from './consent.service.ts';

@Module({
  imports: [IdentityModule, UploadsModule],
  providers: [
    {
      provide: ConsentService,
      inject: [Db, Audit, Jobs, ReceiptKey, SubjectsService, PublicUrl],
      useFactory: (...deps: ConstructorParameters<typeof ConsentService>) => new ConsentService(...deps),
    },
    {
      provide: ConsentAnswers,
      inject: [Db, Audit, Jobs, Links, ConsentService, SubjectsService, UploadsService, PublicUrl],
      useFactory: (...deps: ConstructorParameters<typeof ConsentAnswers>) => new ConsentAnswers(...deps),
    },
    {
      provide: ConsentCheck,
      inject: [Links, ConsentService, UploadsService, Scratch, MediaKit],
      useFactory: (...deps: ConstructorParameters<typeof ConsentCheck>) => new ConsentCheck(...deps),
    },
  ],
  exports: [ConsentService, ConsentAnswers, ConsentCheck],
})
export class ConsentModule {}
