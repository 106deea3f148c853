import { AUDIO } from './audio-layout.ts';

/**
 * Speech of this length reads back after AAC at 64 kbit/s: 2 s did for two voices of two (1.5 s for one of them), and a second in reserve.
 */
export const LEAST_AUDIBLE_SECONDS = 3;
/** Power of a frame below which nothing can be hidden in it: −60 dB of full scale. */
const QUIET = 1e-6;

/**
 * Seconds of mono sound at 48 kHz that can carry a mark. Marking makes what is there a little louder or softer, so silence stays silent and
 * unmarked: with less than `LEAST_AUDIBLE_SECONDS` do not promise a mark in the sound.
 */
export function audibleSeconds(samples: Float32Array): number {
  let frames = 0;
  for (let start = 0; start + AUDIO.frame <= samples.length; start += AUDIO.frame) {
    let power = 0;
    for (let i = start; i < start + AUDIO.frame; i++) power += (samples[i]! * samples[i]!) / AUDIO.frame;
    if (power > QUIET) frames++;
  }
  return (frames * AUDIO.frame) / AUDIO.sampleRate;
}
