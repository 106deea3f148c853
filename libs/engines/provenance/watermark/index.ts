export { LEAST_AUDIBLE_SECONDS, audibleSeconds } from './audible.ts';
export { AUDIO } from './audio-layout.ts';
export * from './detect-audio.ts';
export { type DetectOptions, type MarkKey, type VideoMarkReport, carriesMark, detectVideoMark } from './detect-video.ts';
export type { Geometry } from './geometry.ts';
export { markAudio } from './mark-audio.ts';
export { newMarkId } from './mark-code.ts';
export {
  type Binding,
  type ThumbnailTrack,
  THUMBNAILS_PER_SECOND,
  compareThumbnails,
  thumbnailTrack,
} from './thumbnail-track.ts';
export { type VideoMarkerOptions, VideoMarker, createVideoMarker } from './video-marker.ts';
export { benchWatermark } from './watermark-bench.ts';
