/** One row of `assent bench NAME --json`: a figure that an issue asks for. */
export interface BenchFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Human-readable goal, e.g. `>= 150`. */
  readonly goal?: string;
  readonly ok?: boolean;
  /** A peer or a plain reference measured in the same run. */
  readonly peer?: { readonly name: string; readonly value: number };
}
