import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { shipped } from '#kernel';
import { goldenVoice } from './golden-inputs.ts';
import { getModel, listModels, readModel } from './model-registry.ts';
import { ModelHashMismatchError, ModelUnusableError } from './models.errors.ts';
import { outputDifference, selfCheckModels } from './self-check.ts';
import { VoiceActivity } from './voice-activity.ts';

const scratch = mkdtempSync(join(tmpdir(), 'assent-models-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the model registry', () => {
  it('answers the golden vectors of every model', async () => {
    const checks = await selfCheckModels();
    expect(checks.map((check) => check.name).sort()).toEqual(
      listModels()
        .map((m) => m.name)
        .sort(),
    );
    for (const check of checks) expect(check, check.name).toMatchObject({ ok: true });
  });

  it('refuses a model whose bytes were changed', () => {
    cpSync(shipped('models'), scratch, { recursive: true });
    const path = join(scratch, getModel('selfie_segmentation').file);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 0x01;
    writeFileSync(path, bytes);
    expect(() => readModel('selfie_segmentation', scratch)).toThrow(ModelHashMismatchError);
    expect(() => readModel('face_detector_short_range', scratch)).not.toThrow();
  });

  it('refuses a missing file, an unlisted name and an unreadable list', () => {
    cpSync(shipped('models', 'models.json'), join(scratch, 'empty', 'models.json'));
    expect(() => readModel('selfie_segmentation', join(scratch, 'empty'))).toThrow(ModelUnusableError);
    expect(() => getModel('retinaface')).toThrow(ModelUnusableError);
    expect(() => listModels(join(scratch, 'nowhere'))).toThrow(ModelUnusableError);
  });

  it('has a card, a licence and a size for every model', () => {
    for (const model of listModels()) {
      const card = readFileSync(shipped('models', model.card), 'utf8');
      expect(card, model.name).toContain(model.sha256);
      expect(model.licence.length, model.name).toBeGreaterThan(2);
      expect(readModel(model.name)).toHaveLength(model.bytes);
    }
  });

  it('sees a drift of 0.2 %, a NaN and a missing output', () => {
    const want = { dims: [4], first8: [1, 2, 3, 4], spread8: [1, 1, 2, 2], l2: Math.sqrt(30) };
    expect(outputDifference(Float32Array.of(1, 2, 3, 4), want)).toBeLessThan(1e-3);
    expect(outputDifference(Float32Array.of(1, 2, 3.008, 4), want)).toBeGreaterThan(1);
    expect(outputDifference(Float32Array.of(1, 2, NaN, 4), want)).toBe(Infinity);
    expect(outputDifference(Float32Array.of(1, 2, 3), want)).toBe(Infinity);
    expect(outputDifference(undefined, want)).toBe(Infinity);
  });
});

describe('voice activity', () => {
  it('hears the synthetic voice and not silence', async () => {
    const highest = async (samples: (i: number) => Float32Array): Promise<number> => {
      const vad = await VoiceActivity.open(16000);
      let best = 0;
      for (let i = 0; i < 16; i++) best = Math.max(best, await vad.push(samples(i)));
      return best;
    };
    expect(await highest((i) => goldenVoice(512, { rate: 16000, from: 512 * i }))).toBeGreaterThan(0.5);
    expect(await highest(() => new Float32Array(512))).toBeLessThan(0.1);
  });
});
