/** What the parts of the layer view, and the canvas of a kernel, pass to each other. */

import type {
  FiltersDocument,
  KernelDocument,
  Layer,
  PictureEntry,
  RunDocument,
  Source,
  StripDocument,
  Value,
  ViewProps,
} from "./types.d.ts";

/** A kernel as it came, or one filter at several steps, that are its filters then. */
export type AnyKernel = KernelDocument | StripDocument | Decoded;

/** A kernel whose levels can be read. */
export type Decoded = Omit<StripDocument, "levels" | "steps"> & {
  filters: number;
  levels: Int8Array;
  /** What `kernelLimit` returned. */
  limit?: number;
};

/** What there is room for, in pixels, and the width of the longest label. */
export interface Room {
  width: number;
  height: number;
  label: number;
}

/**
 * The places of a kernel's filters. Lengths are in weights, so that the picture has a pixel for each; it
 * is shown `zoom` times as large. A filter is a row of cells with a gap between them: one for each slice
 * of each channel, in colour for all channels. `pitchX` and `pitchY` lead to the next filter.
 */
export interface KernelLayout {
  zoom: number;
  /** How many filters. */
  count: number;
  /** True if filters lie side by side, `columns` of them; else each has a row. */
  isTiles: boolean;
  isColour: boolean;
  /** Slices of each channel. */
  depth: number;
  cells: number;
  cellWidth: number;
  gap: number;
  filterWidth: number;
  filterHeight: number;
  columns: number;
  pitchX: number;
  pitchY: number;
  width: number;
  height: number;
}

/**
 * What the pointer is at: a filter, and a weight of it if there is one. `column` counts through all
 * slices; in colour, three channels are at one place.
 */
export interface Hover {
  filter: number;
  weight: { row: number; column: number; channels: number[] } | null;
}

export interface KernelCanvasProps {
  kernel: Decoded;
  /** The filters that are shown. */
  order: number[];
  /** The absolute weight that gets full colour. */
  limit: number;
  /** Pixels of a weight; 0 for the largest that lets all be seen at once. */
  zoom: number;
  selected: number | null;
  onSelect: (filter: number | null) => void;
  onHover: (hover: Hover | null) => void;
  /** Of each filter; else its number. */
  captions?: string[];
  label: string;
  /** What each filter is; dead ones and duplicates are marked. */
  marks?: string[];
  /** Pixels; what is higher is scrolled. */
  mostHeight?: number;
}

/** What the parts of the layer view get. */
export interface LayerProps extends ViewProps {
  place: number;
  layer: Layer;
  document: FiltersDocument | null | undefined;
}

/** `filter` is the selected one, `limit` the weight of full colour, 0 for that of each picture. */
export type FilterProps = LayerProps & { filter: number | null; limit: number };

/** `steps` says whose weights the limit is of. */
export type FilterPictureProps = FilterProps & { kernel: Decoded; steps: string };

/** Of a score's values, with those of others. */
export type LineChartProps = LayerProps & {
  label: string;
  about?: string;
  /** Each is drawn as far from the next, whatever lies between them. */
  steps: number[];
  values?: Value[];
  /** The values of further lines. */
  faint?: Value[][];
};

export interface PictureProps {
  source: Source;
  run: RunDocument;
  picture: PictureEntry;
  step: number;
}

export interface ChoiceProps {
  title: string;
  label: string;
  value: string | number;
  /** Values and their texts. */
  options: [string | number, string][];
  onChoice: (value: string) => void;
}
