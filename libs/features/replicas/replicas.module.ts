import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { Db } from '#db';
import { KeyStore } from '#keys';
import { MarkRegistry } from './mark-registry.ts';
import { ReplicasService } from './replicas.service.ts';

@Module({
  providers: [
    { provide: ReplicasService, inject: [Db, Audit], useFactory: (db: Db, audit: Audit) => new ReplicasService(db, audit) },
    { provide: MarkRegistry, inject: [Db, KeyStore], useFactory: (db: Db, keys: KeyStore) => new MarkRegistry(db, keys) },
  ],
  exports: [ReplicasService, MarkRegistry],
})
export class ReplicasModule {}
