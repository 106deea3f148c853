/** One decoded picture: packed 8-bit RGB, rows top to bottom, `data.length === width * height * 3`. BT.709 SDR, full range. */
export interface RgbFrame {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  /** Presentation time in seconds from the start of the clip. */
  readonly time: number;
}
