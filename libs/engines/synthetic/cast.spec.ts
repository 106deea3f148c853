import { compareEmbeddings, detectFaces, embedFace, FACE_MATCH, landmarksOfDetection, meanEmbedding } from '#inference';
import { describe, expect, it, vi } from 'vitest';
import { FAR_PAIRS } from './cast.ts';
import { type FaceReader, readClip } from './clip-reading.ts';
import { recordClip, toRgbFrame } from './clip.ts';
import { createPerson } from './person.ts';

vi.setConfig({ testTimeout: 300_000 });

const SIZE = 512;
const reader: FaceReader = async (frame) => {
  const faces = await detectFaces(frame);
  if (!faces[0]) return { faces: 0, score: 0 };
  return { faces: faces.length, score: faces[0].score, points: (await landmarksOfDetection(frame, faces[0], 2)).points };
};

/** Mean of five aligned embeddings, as the identity check does it. */
async function template(id: string, take: string): Promise<Float32Array> {
  const clip = recordClip(createPerson(id), { seconds: 10, take, size: SIZE });
  const embeddings: Float32Array[] = [];
  for (let k = 0; k < 5; k++) {
    const frame = toRgbFrame(clip.frameAt(Math.floor(((k + 0.3) / 5) * clip.frameCount)), SIZE);
    const { points } = await reader(frame);
    if (points) embeddings.push(await embedFace(frame, points));
  }
  expect(embeddings).toHaveLength(5);
  return meanEmbedding(embeddings);
}

describe('the people that demo and tests use', () => {
  const [first, second] = FAR_PAIRS[0];

  it(`${first} and ${second} are themselves in both recordings and not each other`, async () => {
    const templates: Record<string, Float32Array[]> = {};
    for (const id of [first, second]) templates[id] = [await template(id, 'consent'), await template(id, 'footage')];
    for (const [consent, footage] of Object.values(templates)) {
      expect(compareEmbeddings(consent, footage)).toBeGreaterThan(FACE_MATCH.accept + 0.03);
    }
    for (const a of templates[first]) {
      for (const b of templates[second]) expect(compareEmbeddings(a, b)).toBeLessThan(FACE_MATCH.refuse - 0.01);
    }
  });

  it(`${first} is one face in at least 98 % of frames, and lips, lids and yaw are read as they truly are`, async () => {
    const reading = await readClip(recordClip(createPerson(first), { seconds: 6, take: 'footage', size: SIZE }), reader, 3);
    expect(reading.oneFace).toBeGreaterThanOrEqual(0.98);
    expect(reading.lipGap).toBeGreaterThan(0.9);
    expect(reading.lidGap).toBeGreaterThan(0.9);
    expect(Math.abs(reading.yaw)).toBeGreaterThan(0.9);
  });
});
