import { ChangeAdder } from './add-change.ts';
import { ChipLayout } from './chip-layout.ts';
import { codewordOf } from './mark-code.ts';
import { type Strength, amplitudeFor, changeOf } from './residual.ts';

export interface VideoMarkerOptions {
  /** 32 bytes: a deployment's watermark key of one epoch. */
  readonly key: Uint8Array;
  /** 16 hex digits, see `newMarkId`. */
  readonly id: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly strength?: Strength;
}

/** Adds one id to the pictures of one size: a grey pattern, the same in every frame. 0.1 ms a picture at 512 × 512. */
export class VideoMarker {
  readonly #adder: ChangeAdder;

  constructor(
    key: Uint8Array,
    readonly id: string,
    readonly width: number,
    readonly height: number,
    strength: Strength = 'master',
  ) {
    const amplitude = amplitudeFor(width, height, strength);
    this.#adder = new ChangeAdder(changeOf(new ChipLayout(key), codewordOf(id), width, height, amplitude));
  }

  /**
   * Marks packed RGB in place. Do it after all scaling and before the hash that the manifest binds. Mark once: see `carriesMark`.
   * @throws RangeError when the picture has another size.
   */
  mark(rgb: Uint8Array): void {
    if (rgb.length !== this.width * this.height * 3)
      throw new RangeError(`the picture is not ${this.width} × ${this.height} RGB`);
    this.#adder.add(rgb);
  }
}

export const createVideoMarker = ({ key, id, width, height, strength = 'master' }: VideoMarkerOptions): VideoMarker =>
  new VideoMarker(key, id, width, height, strength);
