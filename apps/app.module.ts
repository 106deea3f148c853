import { type DynamicModule, Module } from '@nestjs/common';
import { ConsentModule } from '#consent';
import { IdentityModule } from '#identity';
import { RenderingModule } from '#rendering';
import { ReplicasModule } from '#replicas';
import { TrainingModule } from '#training';
import { UploadsModule } from '#uploads';
import { VerificationModule } from '#verification';

/** The features that worker and CLI are made of. */
@Module({})
export class AppModule {
  static on(platform: DynamicModule): DynamicModule {
    return {
      module: AppModule,
      imports: [
        platform,
        IdentityModule,
        UploadsModule,
        ConsentModule,
        ReplicasModule,
        TrainingModule,
        RenderingModule,
        VerificationModule,
      ],
    };
  }
}
