import { describe, expect, it } from 'vitest';
import { createPerson, LIGHTS, recordClip } from '#synthetic';
import { chooseContainer, openCamera } from './camera.ts';
import { readLight } from './light.ts';

describe('asking for the camera (case CA-01)', () => {
  const stream = { id: 'stream' } as unknown as MediaStream;
  const refuse = (name: string): Promise<never> => Promise.reject(new DOMException('', name));
  const noWait = (): Promise<void> => Promise.resolve();

  it.each([
    ['NotAllowedError', 'camera-denied'],
    ['NotFoundError', 'camera-missing'],
    ['NotReadableError', 'camera-busy'],
    ['OverconstrainedError', 'camera-unsupported'],
    ['SecurityError', 'camera-unsupported'],
    ['SomethingNew', 'camera-unsupported'],
  ])('says %s as %s', async (name, slug) => {
    await expect(openCamera(() => refuse(name), true, noWait)).rejects.toMatchObject({ slug });
  });

  it('says a browser without devices or without a recorder as camera-unsupported', async () => {
    await expect(openCamera(undefined, true)).rejects.toMatchObject({ slug: 'camera-unsupported' });
    await expect(openCamera(() => Promise.resolve(stream), false)).rejects.toMatchObject({ slug: 'camera-unsupported' });
  });

  it('gives a busy camera one second chance, and drops a constraint that no camera meets', async () => {
    const asked: MediaStreamConstraints[] = [];
    const once = (name: string) => (constraints: MediaStreamConstraints) =>
      asked.push(constraints) === 1 ? refuse(name) : Promise.resolve(stream);
    expect(await openCamera(once('NotReadableError'), true, noWait)).toBe(stream);
    expect(asked).toHaveLength(2);
    asked.length = 0;
    expect(await openCamera(once('OverconstrainedError'), true, noWait)).toBe(stream);
    expect(asked[1]).toEqual({ video: true, audio: true });
  });

  it('records what the browser can: MP4 alone where it must', () => {
    expect(chooseContainer((type) => type.startsWith('video/mp4'))).toMatch(/^video\/mp4/);
    expect(chooseContainer((type) => !type.includes('mp4a'))).toBe('video/webm;codecs=vp9,opus');
    expect(chooseContainer(() => false)).toBeUndefined();
  });
});

describe('the light before the challenge (case ID-01)', () => {
  const SIDE = 48;
  /** The darkest and the lightest skin of the cast. */
  const people = ['samuel', 'greta'].map((id) => createPerson(id));
  const frame = (person: (typeof people)[number], light?: keyof typeof LIGHTS): Uint8Array =>
    recordClip(person, { seconds: 1, size: SIDE, take: 'consent', ...(light ? { light: LIGHTS[light] } : {}) }).frameAt(3).rgb;
  const changed = (rgb: Uint8Array, change: (value: number, x: number) => number): Uint8ClampedArray => {
    const out = new Uint8ClampedArray(SIDE * SIDE * 4).fill(255);
    for (let i = 0; i < SIDE * SIDE; i++) for (let k = 0; k < 3; k++) out[i * 4 + k] = change(rgb[i * 3 + k]!, i % SIDE);
    return out;
  };
  const slug = (rgba: Uint8ClampedArray): string | null => readLight(rgba, SIDE, SIDE).slug;

  it('has nothing to say in four ordinary lights, whatever the skin', () => {
    for (const person of people)
      for (const light of Object.keys(LIGHTS) as (keyof typeof LIGHTS)[]) {
        const reading = readLight(changed(frame(person, light), (v) => v), SIDE, SIDE); // prettier-ignore
        expect(reading.slug, `${person.member.id} in ${light}: ${JSON.stringify(reading)}`).toBeNull();
      }
  });

  it('says too bright, too dark and uneven, each with its figure', () => {
    for (const person of people) {
      const rgb = frame(person);
      expect(slug(changed(rgb, (v) => v + 0.5 * 255)), person.member.id).toBe('too-bright');
      expect(slug(changed(rgb, (v) => 255 * (v / 255) ** (1 / 0.3))), person.member.id).toBe('too-dark');
      expect(slug(changed(rgb, (v, x) => (x < SIDE / 2 ? 255 : v))), person.member.id).toBe('uneven-light');
    }
    expect(readLight(changed(frame(people[0]!), () => 10), SIDE, SIDE).level).toBeCloseTo(10); // prettier-ignore
  });
});
