/** The parts of the help of a command and of its man page. */

/** A paragraph; lines that are shown as they are; or terms with their explanations. */
export type Block =
  | string
  | { readonly lines: readonly string[] }
  | { readonly items: readonly (readonly [term: string, text: string])[] };

export interface Section {
  readonly heading: string;
  readonly blocks: readonly Block[];
}
