import type { FrameTiming } from './frame-timing.ts';
import type { MediaType } from './media-type.ts';
import type { Orientation, PixelSize } from './video-geometry.ts';

export interface VideoStream {
  /** Index in the file: what `-map 0:index` takes. */
  readonly index: number;
  readonly codec: string;
  readonly pixelFormat: string;
  readonly coded: PixelSize;
  /** Width of a pixel by its height. */
  readonly pixelAspect: number;
  readonly orientation: Orientation;
  readonly interlaced: boolean;
  readonly color: {
    /** `smpte2084` is PQ, `arib-std-b67` is HLG. */
    readonly transfer: string;
    readonly primaries: string;
    readonly matrix: string;
    readonly fullRange: boolean;
  };
  readonly hdr: 'pq' | 'hlg' | undefined;
}

export interface AudioStream {
  readonly index: number;
  readonly codec: string;
  readonly sampleRate: number;
  readonly channels: number;
}

export interface IgnoredStream {
  readonly index: number;
  readonly kind: string;
  readonly codec: string;
  readonly reason: 'cover-picture' | 'other-video' | 'other-audio' | 'undecodable' | 'data' | 'subtitle' | 'attachment';
}

/** The one answer about a clip that gate, match, extraction and ingredient hash all use (DESIGN rule 18). Plain data. */
export interface MediaProbe extends MediaType {
  readonly bytes: number;
  readonly video: VideoStream;
  /** First sound track that decodes; null: silent footage, which is legal. */
  readonly audio: AudioStream | null;
  /** Streams that nobody asked for: for the job's log (FT-04). */
  readonly ignored: readonly IgnoredStream[];
  /** On a screen with square pixels, after the turn. All crops are in these pixels. */
  readonly display: PixelSize;
  readonly hasEditList: boolean;
  readonly timing: FrameTiming;
  /** Seconds, from the packets: never N/A. */
  readonly duration: number;
  readonly variableFrameRate: boolean;
}
