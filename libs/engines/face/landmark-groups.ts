/**
 * Index groups of the 478 landmarks (MediaPipe's numbering; tables of @mediapipe/face_mesh 0.4, Apache-2.0). Right and left are
 * the subject's. Points 468..472 are the right iris (centre first), 473..477 the left one.
 */

/** Points on the skin; the rest are irises. */
export const SKIN_POINTS = 468;
export const POINT_COUNT = 478;
export const RIGHT_IRIS = 468;
export const LEFT_IRIS = 473;

/** Four loops of 20, each from the right corner along the lower edge to the left corner, then back along the upper edge. */
export const LIPS: readonly number[] = [
  61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87,
  14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415, 76, 77, 90, 180, 85, 16, 315, 404, 320,
  307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408, 62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42,
  41, 38, 12, 268, 271, 272, 407,
]; // prettier-ignore

/** The refined right eye: its first 16 are the lid rim. */
export const RIGHT_EYE: readonly number[] = [
  33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22, 26, 112,
  243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221,
  189, 35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
]; // prettier-ignore

/** The refined left eye, point by point the partner of `RIGHT_EYE`. */
export const LEFT_EYE: readonly number[] = [
  263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254, 253, 252,
  256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444,
  443, 442, 441, 413, 265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293,
  334, 296, 336, 285, 417,
]; // prettier-ignore

/** Outline of the face from the top of the forehead over the left temple and chin back: it does not reach hair or ears. */
export const OVAL: readonly number[] = [
  10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
  150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]; // prettier-ignore

/** Points of the lid rims. */
export const RIGHT_LID_RIM = RIGHT_EYE.slice(0, 16);
export const LEFT_LID_RIM = LEFT_EYE.slice(0, 16);
