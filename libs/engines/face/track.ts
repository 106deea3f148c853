/** Head pose in the square crop that a track was read from. */
export interface HeadPose {
  /** Rotation in radians: pitch (+ looks down), yaw (+ turns to the subject's left), roll (+ tilts to the picture's right). */
  readonly pitch: number;
  readonly yaw: number;
  readonly roll: number;
  /** Position of the head's origin in the crop, as a fraction of its side; +x right, +y down. */
  readonly x: number;
  readonly y: number;
  /** Size: distance of the outer eye corners as a fraction of the crop's side, as if seen frontally. */
  readonly scale: number;
}

/** What was read from one frame. Everything is smoothed with the One-Euro filter that the run time uses too. */
export interface TrackedFrame {
  /** Seconds from the start of the clip. */
  readonly time: number;
  /** False: no face was found here; the other members repeat the last good frame. */
  readonly present: boolean;
  /** Presence score of the landmark net, 0..1. */
  readonly score: number;
  /** 478 points x, y, z in pixels of the crop, unsmoothed. */
  readonly landmarks: Float32Array;
  readonly pose: HeadPose;
  /** Values of `COEFFICIENTS` (52 ARKit names, in that order), 0..1. */
  readonly coefficients: Float32Array;
  /** Variance-of-Laplacian sharpness inside the face. */
  readonly sharpness: number;
}

/** One person followed through a square crop of a clip. */
export interface Track {
  /** Side of the crop in pixels as tracked. */
  readonly size: number;
  readonly fps: number;
  readonly frames: readonly TrackedFrame[];
  /** Person mattes, one per frame, `matteSize`² bytes, 255 = person. */
  readonly mattes: readonly Uint8Array[];
  readonly matteSize: number;
  /** sha256 of each model file that took part. */
  readonly models: Readonly<Record<string, string>>;
  /** What was learned of the person: the rest face under all coefficients. */
  readonly calibration?: TrackCalibration;
}

/** The rest face of a tracked person on the head asset. Biometric data, like the landmarks. */
export interface TrackCalibration {
  /** Weights of the head asset's identity targets, in its order. */
  readonly identity: Float64Array;
  /** The 478 points at rest, xyz in metres, head axes. */
  readonly rest: Float64Array;
  /** Focal length in sides of the crop. */
  readonly focal: number;
  /** Median distance of landmarks and model in the calibration frames, metres. */
  readonly residual: number;
}
