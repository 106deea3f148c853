import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { ConsentsController } from '#doors/features/consent/consent';
import { SubjectsController } from '#doors/features/identity/subjects';
import { UploadsController } from '#doors/features/uploads/uploads';
import { TrainingController } from '#doors/features/training/training';
import { RenderingController } from '#doors/features/rendering/rendering';
import { ReplicasController } from '#doors/features/replicas/replicas';
import { VerificationController } from '#doors/features/verification/verification';
import { HttpModule, type RequestLog } from '#http';
import { AppModule } from '../app.module.ts';
import type { Platform } from '../platform.module.ts';
import { ApiKeysController } from './api-keys.http.ts';
import { AuditController } from './audit.http.ts';
import { ErasureController } from './erasure.http.ts';
import { HealthController } from './health.http.ts';
import { LogController } from './log.http.ts';
import { MetricsController } from './metrics.http.ts';
import { PLATFORM } from './platform.token.ts';
import { ReferenceController } from './reference.http.ts';

/** Every door of the house. A controller that is not listed here answers nothing. */
export const controllers: Type[] = [
  HealthController,
  MetricsController,
  ReferenceController,
  ApiKeysController,
  AuditController,
  LogController,
  SubjectsController,
  ConsentsController,
  ErasureController,
  UploadsController,
  TrainingController,
  RenderingController,
  ReplicasController,
  VerificationController,
];

/** The features with their doors. */
@Module({})
export class ApiModule {
  static on(platform: Platform, log: RequestLog): DynamicModule {
    return {
      module: ApiModule,
      imports: [AppModule.on(platform.module), HttpModule.with(log)],
      providers: [{ provide: PLATFORM, useValue: platform }],
      controllers,
    };
  }
}
