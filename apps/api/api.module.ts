import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { SubjectsController } from '#doors/features/identity/subjects';
import { HttpModule, type RequestLog } from '#http';
import { AppModule } from '../app.module.ts';
import type { Platform } from '../platform.module.ts';
import { ErasureController } from './erasure.http.ts';
import { HealthController } from './health.http.ts';

/** Every door of the house. A controller that is not listed here answers nothing. */
export const controllers: Type[] = [HealthController, SubjectsController, ErasureController];

/** The features with their doors. */
@Module({})
export class ApiModule {
  static on(platform: Platform, log: RequestLog): DynamicModule {
    return { module: ApiModule, imports: [AppModule.on(platform.module), HttpModule.with(log)], controllers };
  }
}
