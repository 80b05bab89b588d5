/** The part of libheif's API in JavaScript that is used here; its package describes none. */
declare module 'libheif-js/wasm-bundle.js' {
  interface HeifImage {
    get_width(): number;
    get_height(): number;
    is_primary(): boolean;
    /** RGBA, turned as the file says. Hands out null for what cannot be decoded. */
    display(
      into: { readonly data: Uint8ClampedArray; readonly width: number; readonly height: number },
      done: (image: { readonly data: Uint8ClampedArray } | null) => void,
    ): void;
    free(): void;
  }
  const libheif: {
    readonly HeifDecoder: new () => { decode(file: Uint8Array): HeifImage[] };
  };
  export = libheif;
}
