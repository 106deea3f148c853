import type { MediaProbe } from './media-probe.ts';
import { type DisplayCrop, ORIENTATION_FILTERS, type PixelSize, cropAndScale, swapsSides } from './video-geometry.ts';

/**
 * Light that becomes SDR white before the tone curve. BT.2408 puts white at 203 nits, and cameras follow it; converters (zimg's
 * default, FT-03) put it at 100. At 203 the latter came out at 74 % of their brightness (measured); at 120 they keep 93 %, and a
 * camera's white is still under the curve's shoulder.
 */
const WHITE_NITS = 120;

/**
 * HDR → SDR BT.709: linear light with white at 1, gamut, tone curve, gamma. Mobius leaves everything under half of
 * white as it is, so that a face keeps its brightness; only highlights are compressed.
 */
const hdrToSdr = (transfer: string): string[] => [
  `zscale=tin=${transfer}:pin=bt2020:min=bt2020nc:t=linear:npl=${WHITE_NITS}`,
  'format=gbrpf32le',
  'zscale=p=bt709',
  'tonemap=mobius:param=0.5:desat=0',
  'zscale=t=bt709:m=bt709:r=tv',
  'format=yuv444p',
];

/** Names of swscale's `in_color_matrix`. Untagged pictures: HD is BT.709, the rest BT.601, as players guess. */
function matrixOf({ video }: MediaProbe): string {
  const named: Readonly<Record<string, string>> = {
    bt709: 'bt709',
    smpte170m: 'smpte170m',
    bt470bg: 'bt470',
    fcc: 'fcc',
    smpte240m: 'smpte240m',
    bt2020nc: 'bt2020',
    bt2020c: 'bt2020',
  };
  const { width, height } = video.coded;
  return named[video.color.matrix] ?? (Math.max(width, height) >= 1280 || Math.min(width, height) > 576 ? 'bt709' : 'bt601');
}

/**
 * The picture part of a filter chain: decoded picture → upright, square pixels, SDR, `out` pixels of packed RGB.
 * HDR is converted inside the crop, before the scale: only the crop's pixels pay for floating point.
 */
export function pictureFilters(probe: MediaProbe, crop: DisplayCrop | undefined, out: PixelSize): string[] {
  const { video, display } = probe;
  const { width, height } = video.coded;
  const turned = swapsSides(video.orientation) ? { width: height, height: width } : { width, height };
  const area = crop ?? { x: 0, y: 0, width: display.width, height: display.height };
  const yuv = video.pixelFormat.startsWith('yuv') || video.pixelFormat.startsWith('nv') || video.pixelFormat.startsWith('p0');
  const colour = video.hdr
    ? ':in_color_matrix=bt709:in_range=tv'
    : yuv ? `:in_color_matrix=${matrixOf(probe)}:in_range=${video.color.fullRange ? 'pc' : 'tv'}` : ''; // prettier-ignore
  const scale = (w: number, h: number): string => `scale=${w}:${h}:flags=bicubic+accurate_rnd+full_chroma_int${colour}`;
  const steps = cropAndScale(turned, display, area, out, scale);
  if (video.hdr) steps.splice(steps.findIndex((step) => step.startsWith('scale=')), 0, ...hdrToSdr(video.color.transfer)); // prettier-ignore
  return [
    ...(video.interlaced ? ['yadif=mode=send_frame'] : []),
    ...ORIENTATION_FILTERS[video.orientation],
    ...steps,
    'setsar=1',
  ];
}
