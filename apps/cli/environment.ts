import { childrenHaveNoNetwork } from '#kernel';
import type { Platform } from '../platform.module.ts';
import { machine } from './machine.ts';

/** What a run stood on: for its report, so that a figure can be read later. */
export function environmentOf({ media, databaseVersion }: Platform): Record<string, unknown> {
  return {
    machine: machine(),
    postgres: databaseVersion,
    ffmpeg: `${media.tools.version} (${media.tools.source})`,
    sandbox: { tier: media.sandbox.tier, fitHasNetwork: !childrenHaveNoNetwork() },
    warnings: [media.tools.warning, media.sandbox.warning].filter((text) => text !== undefined),
  };
}
