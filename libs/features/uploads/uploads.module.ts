import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { Db } from '#db';
import { Objects } from '#storage';
import { MediaKit } from './media-kit.ts';
import { UploadsService } from './uploads.service.ts';

@Module({
  providers: [
    {
      provide: UploadsService,
      inject: [Db, Audit, Objects, MediaKit],
      useFactory: (db: Db, audit: Audit, objects: Objects, media: MediaKit) => new UploadsService(db, audit, objects, media),
    },
  ],
  exports: [UploadsService],
})
export class UploadsModule {}
