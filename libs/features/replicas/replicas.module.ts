import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { Db } from '#db';
import { ReplicasService } from './replicas.service.ts';

@Module({
  providers: [
    { provide: ReplicasService, inject: [Db, Audit], useFactory: (db: Db, audit: Audit) => new ReplicasService(db, audit) },
  ],
  exports: [ReplicasService],
})
export class ReplicasModule {}
