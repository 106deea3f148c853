import { describe, expect, it } from 'vitest';
import { cartoonPicture } from './cartoon-clip.ts';
import { cartoonFace } from './golden-inputs.ts';
import { detectFaces, tilesOf, wholePicture } from './detector.ts';
import { compareEmbeddings, embedFace } from './embedding.ts';
import { boxOfLandmarks, landmarksIn, landmarksOfDetection } from './landmarks.ts';
import { betweenMattes, MATTE_SIDE, matteOf, resizeMatte } from './matte.ts';
import { Net } from './net.ts';
import { faceSharpness } from './sharpness.ts';

const portrait = cartoonPicture(512, 512, [{ x: 256, y: 256, size: 300 }]);
const landmarks = async () => landmarksOfDetection(portrait, (await detectFaces(portrait))[0]!);

describe('the detector', () => {
  it('finds one face, two faces, and none', async () => {
    expect(await detectFaces(portrait)).toHaveLength(1);
    const two = cartoonPicture(640, 360, [{ x: 180, y: 180, size: 180 }, { x: 460, y: 180, size: 180 }]); // prettier-ignore
    expect(await detectFaces(two)).toHaveLength(2);
    expect(await detectFaces(cartoonPicture(640, 360, []))).toEqual([]);
  });

  it('finds a bystander with tiles who is too small for the whole picture', async () => {
    const picture = cartoonPicture(1280, 720, [{ x: 640, y: 360, size: 400 }, { x: 1180, y: 120, size: 90 }]); // prettier-ignore
    expect(await detectFaces(picture)).toHaveLength(1);
    const found = await detectFaces(picture, [wholePicture(picture), ...tilesOf(picture)]);
    expect(found.some(({ box }) => box.x > 1100 && box.width < 120)).toBe(true);
  });

  it('covers every pixel of the picture with tiles', () => {
    for (const [width, height] of [[1920, 1080], [360, 640], [512, 512]] as const) {
      const tiles = tilesOf({ width, height, data: new Uint8Array(), time: 0 });
      const covered = (x: number, y: number) =>
        tiles.some((t) => Math.abs(t.cx - x) <= t.size / 2 && Math.abs(t.cy - y) <= t.size / 2);
      for (let y = 1; y < height; y += 50) for (let x = 1; x < width; x += 50) expect(covered(x, y)).toBe(true);
    }
  }); // prettier-ignore
});

describe('landmarks', () => {
  it('stand on the cartoon’s eyes and mouth, the right eye left in the picture', async () => {
    const { points, presence } = await landmarks();
    expect(presence).toBeGreaterThan(0.9);
    const at = (i: number) => [points[3 * i]!, points[3 * i + 1]!] as const;
    // drawn at 0.5 ± 0.125 and 0.435 of 300 px in the middle of the picture
    const place = (u: number, v: number) => [256 + (u - 0.5) * 300, 256 + (v - 0.5) * 300] as const;
    for (const [i, u, v] of [[468, 0.375, 0.435], [473, 0.625, 0.435], [13, 0.5, 0.725]] as const) {
      const [x, y] = place(u, v);
      expect(Math.hypot(at(i)[0] - x, at(i)[1] - y), `point ${i}`).toBeLessThan(15);
    }
    const box = boxOfLandmarks(points);
    expect(box.x).toBeGreaterThan(130);
    expect(box.x + box.width).toBeLessThan(380);
  }); // prettier-ignore

  it('say when there is no face in the region', async () => {
    const { presence } = await landmarksIn(cartoonPicture(512, 512, []), { cx: 256, cy: 256, size: 200, angle: 0 });
    expect(presence).toBeLessThan(0.01);
  });
});

describe('the embedding', () => {
  it('has length 1, does not change with place and size, and tells another face', async () => {
    const { points } = await landmarks();
    const mine = await embedFace(portrait, points);
    expect(mine).toHaveLength(128);
    expect(Math.hypot(...mine)).toBeCloseTo(1, 5);
    const moved = cartoonPicture(640, 480, [{ x: 300, y: 250, size: 240 }]);
    const again = await landmarksOfDetection(moved, (await detectFaces(moved))[0]!);
    expect(compareEmbeddings(mine, await embedFace(moved, again.points))).toBeGreaterThan(0.97);
    expect(compareEmbeddings(mine, mine)).toBeCloseTo(1, 5);
  });
});

describe('two clips at the same time in one process', () => {
  it('never see each other’s face', async () => {
    const { points } = await landmarks();
    const dark = { ...portrait, data: portrait.data.map((v) => v >> 2) };
    const alone = [await embedFace(portrait, points), await embedFace(dark, points)];
    const together = await Promise.all([portrait, dark, portrait, dark].map((frame) => embedFace(frame, points)));
    together.forEach((embedding, i) => expect(embedding).toEqual(alone[i % 2]));
    expect(compareEmbeddings(alone[0]!, alone[1]!)).toBeLessThan(0.999);
  });

  it('a failed run does not stop the next one', async () => {
    const net = await Net.get('face_embed_dlib');
    const failing = net.run(() => {
      throw new Error('no picture');
    });
    const next = landmarks().then(({ points }) => embedFace(portrait, points));
    await expect(failing).rejects.toThrow('no picture');
    expect(await next).toHaveLength(128);
  });
});

describe('the matte', () => {
  it('is white on the person and black on the wall', async () => {
    const matte = await matteOf(portrait);
    expect(matte).toHaveLength(MATTE_SIDE ** 2);
    expect(matte[128 * 256 + 128]).toBeGreaterThan(200);
    expect(matte[5 * 256 + 5]).toBeLessThan(60);
  });

  it('keeps its content when its size changes, and its neighbours’ between them', () => {
    const half = new Uint8Array(256 * 256).fill(255, 0, 128 * 256);
    const small = resizeMatte(half, 256, 64);
    expect(small[10 * 64 + 10]).toBe(255);
    expect(small[50 * 64 + 10]).toBe(0);
    const large = resizeMatte(small, 64, 128);
    expect(large[20 * 128 + 60]).toBe(255);
    expect(resizeMatte(half, 256, 256)).toBe(half);
    expect(betweenMattes(Uint8Array.of(0, 255), Uint8Array.of(255, 255), 0.5)).toEqual(Uint8Array.of(128, 255));
  });
});

describe('sharpness', () => {
  it('falls when the face is blurred', () => {
    const side = 192;
    const sharp = cartoonFace([1, side, side, 3], { lo: 0, hi: 1, size: 0.8 });
    const blurred = sharp.slice();
    for (let pass = 0; pass < 3; pass++)
      for (let i = 3; i < blurred.length - 3; i++) blurred[i] = (blurred[i - 3]! + blurred[i]! + blurred[i + 3]!) / 3;
    expect(faceSharpness({ data: blurred, side })).toBeLessThan(0.8 * faceSharpness({ data: sharp, side }));
    expect(faceSharpness({ data: new Float32Array(sharp.length).fill(0.5), side })).toBeCloseTo(0, 6);
  });
});
