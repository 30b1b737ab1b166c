/** What the parts of the compare view pass to each other. */

import type { RunDocument, Score, TableDocument, ViewProps } from "./types.d.ts";

/** One of two things that are compared, and its name in texts. */
export interface Side {
  run: RunDocument;
  step: number;
  name: string;
}

/** What each part of the view gets: on the right is `now`, where the time slider is. */
export interface CompareProps extends ViewProps {
  now: Side;
  before: Side;
}

/** A layer that both have: its name and place in each. */
export interface LayerPair {
  name: string;
  place: number;
  otherName: string;
  otherPlace: number;
}

/** The differences of a layer. */
export interface CompareRow {
  pair: LayerPair;
  /** Score -> its change; NaN if undefined. */
  changes: Record<string, number>;
  /** 1 - cosine between the kernels; NaN if unknown. */
  rotation: number;
  /** The largest difference as a share of its score's range. */
  size: number;
}

export interface TableProps extends CompareProps {
  rows: CompareRow[];
  scores: Score[];
  /** Those of now and before. */
  tables: TableDocument[];
  selected: LayerPair | undefined;
}

/** How far a kernel turned: 1 - cosine of its weights, 0 to 2, NaN if undefined. */
export interface KernelChange {
  rotation: number;
  filterRotations: number[];
  /** All filters; the first `changed` ones changed, the most changed first. */
  order: number[];
  changed: number;
}
