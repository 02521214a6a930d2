declare module "@echogarden/fvad-wasm" {
  export default function create(options: { wasmBinary: Uint8Array | ArrayBuffer }): Promise<any>;
}
declare module "gifenc" {
  type Palette = number[][];
  export function quantize(rgba: Uint8Array | Uint8ClampedArray, colours: number): Palette;
  export function applyPalette(rgba: Uint8Array | Uint8ClampedArray, palette: Palette): Uint8Array;
  export function GIFEncoder(): {
    writeFrame(
      index: Uint8Array,
      width: number,
      height: number,
      options: { palette?: Palette; delay: number },
    ): void;
    finish(): void;
    bytes(): Uint8Array;
    bytesView(): Uint8Array;
  };
}
declare const VERSION: string;
declare const FRONT_END: import("./core/description.js").FrontEnd;
declare const CAPTURE: string;
declare module "*.css" {
  const text: string;
  export default text;
}
declare module "*.flac" {
  const content: Uint8Array<ArrayBuffer>;
  export default content;
}
declare module "*.wasm" {
  const content: Uint8Array<ArrayBuffer>;
  export default content;
}
declare const PROGRAM_VERSION: string;
