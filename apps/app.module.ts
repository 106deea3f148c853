import { type DynamicModule, Module } from '@nestjs/common';
import { ConsentModule } from '#consent';
import { IdentityModule } from '#identity';
import { RenderingModule } from '#rendering';
import { ReplicasModule } from '#replicas';
import { TrainingModule } from '#training';
import { UploadsModule } from '#uploads';
import { VerificationModule } from '#verification';

const features = [
  IdentityModule,
  UploadsModule,
  ConsentModule,
  ReplicasModule,
  TrainingModule,
  RenderingModule,
  VerificationModule,
];

/** The features that every process is made of, without their doors: worker and CLI import no controller. */
@Module({})
export class AppModule {
  static on(platform: DynamicModule): DynamicModule {
    return { module: AppModule, imports: [platform, ...features], exports: features };
  }
}
