// Preact, its hooks and htm under one roof: templates without a build step and without eval.
import { Component, Fragment, h, render } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export {
  useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState,
} from "../vendor/preact-hooks.js";
export { Component, Fragment, render };

export const html = htm.bind(h);

export { Source, useSource } from "./source.js";
