import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { Db } from '#db';
import { KeyStore } from '#keys';
import { Objects } from '#storage';
import { SubjectsService } from './subjects.service.ts';

@Module({
  providers: [
    {
      provide: SubjectsService,
      inject: [Db, Audit, KeyStore, Objects],
      useFactory: (db: Db, audit: Audit, keys: KeyStore, objects: Objects) => new SubjectsService(db, audit, keys, objects),
    },
  ],
  exports: [SubjectsService],
})
export class IdentityModule {}
