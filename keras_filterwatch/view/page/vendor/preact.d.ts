/** What the page uses of htm 3.1.1's `preact/standalone.module.js`, that has Preact 10 in it. */

/** What a component returns; htm makes an array of several. */
export interface VNode {
  type: unknown;
  props: Record<string, any>;
  key: string | number | null;
}
export type Children = VNode | string | number | boolean | null | undefined | Children[];
export interface Ref<T> {
  current: T;
}
export interface Context<T> {
  Provider: (props: { value: T; children?: Children }) => VNode;
  Consumer: (props: { children: (value: T) => Children }) => VNode;
}

/** Always some: `html` of one element is a VNode, of several an array, of no known type here. */
export function html(strings: TemplateStringsArray, ...values: unknown[]): any;
export function h(type: unknown, props?: object | null, ...children: Children[]): VNode;
export function render(node: Children, parent: Element | DocumentFragment): void;
export function createContext<T>(value: T): Context<T>;

export class Component<Props = any, State = any> {
  constructor(props?: Props);
  props: Props;
  state: State;
  context: any;
  base: Element | Text | null;
  setState(change: Partial<State> | ((state: State) => Partial<State> | null)): void;
  forceUpdate(): void;
  render(props: Props, state: State): Children;
  componentDidMount?(): void;
  componentDidUpdate?(props: Props, state: State): void;
  componentWillUnmount?(): void;
  componentDidCatch?(error: unknown): void;
}

type Cleanup = (() => void) | undefined | void;
type Inputs = readonly unknown[];

export function useState<T>(initial: T | (() => T)): [T, (next: T | ((last: T) => T)) => void];
export function useState<T>(): [T | undefined, (next: T | undefined) => void];
export function useReducer<T, Action>(
  reducer: (last: T, action: Action) => T,
  initial: T,
): [T, (action: Action) => void];
export function useEffect(effect: () => Cleanup, inputs?: Inputs): void;
export function useLayoutEffect(effect: () => Cleanup, inputs?: Inputs): void;
export function useRef<T>(initial: T): Ref<T>;
export function useMemo<T>(compute: () => T, inputs: Inputs): T;
export function useCallback<T extends (...args: any[]) => any>(callback: T, inputs: Inputs): T;
export function useContext<T>(context: Context<T>): T;
export function useErrorBoundary(
  callback?: (error: any) => void,
): [any, () => void];
