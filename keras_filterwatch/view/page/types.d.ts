/**
 * The documents that the page draws from, and what its parts pass to each other.
 *
 * `keras_filterwatch/view/documents.py` makes the documents from the record of a run. The tab of
 * TensorBoard asks for them one by one; a report has those that fit into a file.
 */

/** A score; null where it is undefined. JSON has no words for numbers that are not finite. */
export type Value = number | null | "nan" | "inf" | "-inf";

/** A run that can be shown. */
export interface RunEntry {
  name: string;
  /** Changes whenever the run has something new. */
  version: string;
}

export interface Layer {
  name: string;
  /** The Keras class, such as "Conv2D"; "" if unknown. */
  type: string;
  kind: string;
  /** Of the kernel: window, channels, filters. */
  shape: number[];
  /** The block of the network that the layer belongs to, such as "conv2_block1". */
  block: string;
  trainable: boolean;
  /** True if its weights are recorded, so that its filters can be drawn. */
  drawn: boolean;
}

export interface Alarm {
  rule: string;
  /** "" if the alarm is about the whole network. */
  layer: string;
  /** The step at which it began. */
  step: number;
  /** The step at which it ended; null while it holds. */
  ended: number | null;
  level: "error" | "warning" | "note";
  value: Value;
  threshold: Value;
  filters: number[];
  message: string;
}

/** What is probably wrong, from `step` on until the next diagnosis. */
export interface Diagnosis {
  step: number;
  cause: string;
  evidence: string[];
  advice: string;
}

/** What is known of a score, beside its values. */
export interface Score {
  name: string;
  /** What it says, in a sentence. */
  about: string;
  /** The range that colours cover; values outside get the colour of the nearest end. */
  low: number;
  high: number;
  /** The end that is better; "" if neither is. */
  better: "low" | "high" | "";
}

/** A picture that was drawn while the training ran, such as `favourites`. */
export interface PictureEntry {
  name: string;
  /** The place of its layer in `layers`. */
  layer: number;
  steps: number[];
}

/** Document `run`: what holds for the run as a whole. */
export interface RunDocument {
  name: string;
  version: string;
  /** What steps count: "epoch" or "step". */
  unit: string;
  hasEnded: boolean;
  /** Share of the record that was read so far, 0 to 1: the page asks again below 1. */
  read: number;
  /** Parts of the record that cannot be read, in sentences. */
  problems: string[];
  steps: number[];
  /** The steps that the heat map and curves show: all, or of many those even in log time. */
  columns: number[];
  /** The steps whose weights are there; all recorded ones, or in a report some of them. */
  weightSteps: number[];
  layers: Layer[];
  /** Layer with weights -> why it is not watched. */
  skipped: Record<string, string>;
  /** The scores that some layer has, the most important first. */
  scores: Score[];
  /** What Keras logged: name -> its value at each of `steps`. */
  logs: Record<string, Value[]>;
  /** Alarms and notes, oldest first. */
  alarms: Alarm[];
  diagnoses: Diagnosis[];
  /** What is known of the model, such as optimizer and loss: name -> text. */
  model: Record<string, string>;
  pictures: PictureEntry[];
  /** What a report leaves out, in a sentence; "" if nothing is. */
  leftOut: string;
}

/** Document `matrix/<score>`: a row for each layer, a value for each of the run's `columns`. */
export interface MatrixDocument {
  /** The run's `columns` as they were when this was made; a training may have gone on since. */
  steps: number[];
  values: Value[][];
}

/** Document `table/<step>`: all scores of all layers at a step. */
export interface TableDocument {
  step: number;
  verdicts: string[];
  /** What the scores mean, a sentence for each layer. */
  sentences: string[];
  /** Score -> its value for each layer. */
  numbers: Record<string, Value[]>;
}

/** Document `layer/<place>`: the scores of one layer at each of the run's `columns`. */
export interface LayerDocument {
  /** The run's `columns` as they were when this was made. */
  steps: number[];
  numbers: Record<string, Value[]>;
}

/** Document `filters/<place>/<step>`: the scores of the filters of a layer at a step. */
export interface FiltersDocument {
  numbers: Record<string, Value[]>;
  /** What each filter is, such as "edge", "dead", "duplicate"; "" if unknown. */
  descriptions: string[];
}

/** Document `curves/<place>/<score>`: one score of each filter over time. */
export interface CurvesDocument {
  steps: number[];
  /** Share of the steps that were read so far, 0 to 1: below 1, asking again gives more. */
  read: number;
  /** A row for each of `steps`, a value for each filter. */
  values: Value[][];
}

/**
 * Document `kernel/<place>/<step>`: the recorded weights of a layer at a step.
 *
 * A window of one axis has height 1. One of three axes has its slices side by side, so that its
 * width is `depth * width`. A kernel without a window has height and width 1.
 */
export interface KernelDocument {
  /** How many filters were recorded: the first ones. */
  filters: number;
  height: number;
  width: number;
  channels: number;
  /** Slices of a window of three axes, that lie side by side in `width`; else 1. */
  depth: number;
  /** int8 in base64, in the order (filter, row, column, channel); -128 is not finite. */
  levels: string;
  /** The weight of level 1 of each filter. */
  scales: number[];
}

/** Document `strip/<place>/<filter>`: one filter at up to 16 steps. `levels` in the order (step, row, column, channel). */
export interface StripDocument {
  steps: number[];
  height: number;
  width: number;
  channels: number;
  depth: number;
  levels: string;
  /** The weight of level 1 at each step. */
  scales: number[];
}

/** Document `picture/<name>/<place>/<step>`. */
export interface PictureDocument {
  /** A PNG in base64. */
  png: string;
}

/** Where documents come from: the server of TensorBoard, or the report that holds the page. */
export interface Source {
  /** True if new steps may come. */
  isLive: boolean;
  runs(): Promise<RunEntry[]>;
  /**
   * Returns a document of a run, or null if it is not there. What was asked for lately is kept.
   * `version` of the run document; what holds for one step only does not depend on it.
   */
  get(run: string, key: string, version: string): Promise<any>;
}

/** What the page shows. It stands in the address, so that a link keeps it. */
export interface State {
  run: string;
  view: "overview" | "layer" | "compare";
  /** One of the run's `steps`. */
  step: number;
  /** True while the newest step is to be shown as it comes. */
  follows: boolean;
  /** The name of a layer; "" for none. */
  layer: string;
  /** The selected filter; null for none. */
  filter: number | null;
  /** The score by which the heat map is coloured. */
  score: string;
  /** The layer view's order of filters: "place", "similarity" or the name of a score. */
  order: string;
  /** The layer view's colours: one scale for all steps, or one for each. */
  scale: "time" | "step";
  /** Pixels of a tap; 0 to fit the window. */
  zoom: number;
  /** What is compared with `run` at `step`: another run ("" for the same), at a step. */
  otherRun: string;
  /** null: the first step if the run is the same, else the same step. */
  otherStep: number | null;
}

/** What each view gets. */
export interface ViewProps {
  source: Source;
  /** The document of `state.run`. */
  run: RunDocument;
  runs: RunEntry[];
  state: State;
  /** Changes what the page shows. */
  go: (changes: Partial<State>) => void;
}
