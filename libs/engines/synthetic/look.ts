import { colour, type Vec3 } from './vector.ts';

export type HairStyle = 'buzz' | 'crop' | 'swept' | 'curls' | 'afro' | 'bob' | 'long' | 'wavy' | 'bun';
export type Hairline = 'short' | 'soft' | 'receding';
export type Neckline = 'crew' | 'v' | 'scoop' | 'turtle';
export type BackdropKind = 'plain' | 'shelf' | 'window' | 'plant';

/** Paint, hair and clothes of a designed person; colours as `#rrggbb`. */
export interface LookDesign {
  readonly seed: number;
  readonly skin: string;
  readonly hair: string;
  readonly iris: string;
  readonly browHair?: string;
  readonly style: HairStyle;
  readonly hairline?: Hairline;
  /** Side of the parting: 1 the subject's left, -1 right. */
  readonly part?: 1 | -1;
  readonly hairLength?: number;
  readonly volume?: number;
  readonly fringe?: boolean;
  /** Hair brushed up. */
  readonly up?: boolean;
  /** Sides cut shorter. */
  readonly fade?: boolean;
  /** Share of grey hairs. */
  readonly grey?: number;
  /** 0 none, .3 stubble, 1 full; painted only (ribbons over the lips spoilt the lip gap: r .49-.76 instead of > .9). */
  readonly beard?: number;
  readonly beardKind?: 'full' | 'goatee' | 'moustache';
  readonly lipRed?: number;
  readonly lip?: string;
  readonly lashes?: number;
  /** Eye shadow. */
  readonly lid?: number;
  readonly lidColour?: string;
  readonly blush?: number;
  readonly freckles?: number;
  /** 0 young adult, 1 seventy. */
  readonly age?: number;
  /** Depth of the shade round the eyes. */
  readonly socket?: number;
  readonly shine?: number;
  /** x, y in millimetres of the mean head, radius. */
  readonly moles?: readonly (readonly [number, number, number])[];
  readonly brow?: {
    readonly thick?: number;
    readonly arch?: number;
    readonly height?: number;
    readonly length?: number;
    readonly dense?: number;
  };
  readonly cloth: { readonly colour: string; readonly kind: Neckline };
  readonly backdrop: Backdrop;
}

export interface Backdrop {
  readonly kind: BackdropKind;
  readonly colour: string;
  readonly flip?: boolean;
  readonly seed?: number;
}

/** A design with every choice made and colours in linear RGB. */
export interface Look extends Omit<
  Required<LookDesign>,
  'skin' | 'hair' | 'iris' | 'lip' | 'lidColour' | 'browHair' | 'brow' | 'cloth'
> {
  readonly skin: Vec3;
  readonly hair: Vec3;
  readonly browHair: Vec3;
  readonly iris: Vec3;
  readonly lip: Vec3 | undefined;
  readonly lidColour: Vec3;
  readonly brow: {
    readonly thick: number;
    readonly arch: number;
    readonly height: number;
    readonly length: number;
    readonly dense: number;
  };
  readonly cloth: { readonly colour: Vec3; readonly kind: Neckline };
}

export function completeLook(design: LookDesign): Look {
  const { brow, cloth, skin, hair, iris, browHair, lip, lidColour, ...rest } = design;
  return {
    hairline: 'short',
    part: 1,
    hairLength: 1,
    volume: 1,
    fringe: false,
    up: false,
    fade: false,
    grey: 0,
    beard: 0,
    beardKind: 'full',
    lipRed: 0.45,
    lashes: 0.5,
    lid: 0,
    blush: 0.8,
    freckles: 0,
    age: 0.15,
    socket: 0.7,
    shine: 1,
    moles: [],
    ...rest,
    brow: { height: 0, arch: 0.3, length: 1, thick: 1, dense: 0.85, ...brow },
    cloth: { kind: cloth.kind, colour: colour(cloth.colour) },
    skin: colour(skin),
    hair: colour(hair),
    browHair: colour(browHair ?? hair),
    iris: colour(iris),
    lip: lip === undefined ? undefined : colour(lip),
    lidColour: colour(lidColour ?? '#6b4a45'),
  };
}
