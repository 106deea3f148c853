import { compareEmbeddings, detectFaces, embedFace, FACE_MATCH, landmarksOfDetection, meanEmbedding } from '#inference';
import { describe, expect, it } from 'vitest';
import { CAST, FAR_PAIRS } from './cast.ts';
import { type FaceReader, readClip } from './clip-reading.ts';
import { recordClip, toRgbFrame } from './clip.ts';
import { createPerson } from './person.ts';

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

describe.each(CAST.map((member) => member.id))('%s', (id) => {
  it.each(['consent', 'footage'])(
    'is one face whose lips, lids and yaw are read as they truly are: %s',
    async (take) => {
      const reading = await readClip(recordClip(createPerson(id), { seconds: 8, take, size: SIZE }), reader);
      expect(reading.oneFace).toBeGreaterThanOrEqual(0.98);
      expect(reading.lipGap).toBeGreaterThan(0.9);
      expect(reading.lidGap).toBeGreaterThan(0.9);
      expect(Math.abs(reading.yaw)).toBeGreaterThan(0.9);
    },
    300_000,
  );

  it('is the same person in both recordings', async () => {
    const [consent, footage] = [await template(id, 'consent'), await template(id, 'footage')];
    expect(compareEmbeddings(consent, footage)).toBeGreaterThan(FACE_MATCH.accept);
  }, 300_000);
});

describe.each(FAR_PAIRS)('%s and %s', (a, b) => {
  it('are refused as each other in every pair of recordings', async () => {
    for (const i of ['consent', 'footage']) {
      for (const j of ['consent', 'footage']) {
        expect(compareEmbeddings(await template(a, i), await template(b, j))).toBeLessThan(FACE_MATCH.refuse - 0.005);
      }
    }
  }, 300_000);
});
