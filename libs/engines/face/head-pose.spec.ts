import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anglesOf, headPoseOf, rotationOf } from './head-pose.ts';
import { headModel } from './head-model.ts';
import { portraitPose } from './projected-heads.ts';
import { meanSubject, projectPoint } from './subject.ts';

const camera = { focal: 1024, cx: 256, cy: 256 };
const model = headModel(undefined, true);
const nose = [1, 1, 1].map((_, k) => model.rest[3 * 1 + k]!) as [number, number, number];
const chin = [0, 1, 2].map((k) => model.rest[3 * 152 + k]!) as [number, number, number];

describe('head pose', () => {
  it('gives back the angles it was made from', () => {
    const angle = fc.double({ min: -1.2, max: 1.2, noNaN: true });
    fc.assert(
      fc.property(angle, angle, angle, (pitch, yaw, roll) => {
        const back = anglesOf(rotationOf({ pitch, yaw, roll }));
        expect(back.pitch).toBeCloseTo(pitch, 9);
        expect(back.yaw).toBeCloseTo(yaw, 9);
        expect(back.roll).toBeCloseTo(roll, 9);
      }),
    );
  });

  it('turns to the subject’s left, looks down and tilts to the picture’s right for positive angles', () => {
    const at = (angles: { pitch?: number; yaw?: number; roll?: number }, p: [number, number, number]) =>
      projectPoint(camera, portraitPose({ pitch: 0, yaw: 0, roll: 0, ...angles }, 0.9), ...p);
    const rest = at({}, nose);
    expect(at({ yaw: 0.3 }, nose)[0]).toBeGreaterThan(rest[0] + 5); // the subject's left is right in the picture
    expect(at({ pitch: 0.3 }, nose)[1]).toBeGreaterThan(rest[1] + 5); // y runs down
    expect(at({ roll: 0.3 }, chin)[0]).toBeLessThan(at({}, chin)[0] - 5); // the chin swings left when the crown tilts right
  });

  it('measures place and size as fractions of the crop, the size independent of turning', () => {
    const subject = meanSubject(model, camera);
    const front = headPoseOf(subject, portraitPose({ pitch: 0, yaw: 0, roll: 0 }, 0.9), 512);
    const turned = headPoseOf(subject, portraitPose({ pitch: 0, yaw: 0.6, roll: 0 }, 0.9), 512);
    const [right, left] = [33, 263].map((i) =>
      projectPoint(
        camera,
        portraitPose({ pitch: 0, yaw: 0, roll: 0 }, 0.9),
        ...([0, 1, 2].map((k) => model.rest[3 * i + k]!) as [number, number, number]),
      ),
    );
    expect(front.scale).toBeCloseTo((left![0] - right![0]) / 512, 2);
    expect(turned.scale / front.scale).toBeCloseTo(1, 1);
    expect(front.x).toBeCloseTo(0.5, 1);
  });
});
