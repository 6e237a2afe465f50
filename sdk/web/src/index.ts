// The ES module: one SDK a page, as functions.
import { createNunchi } from "./nunchi";

export type * from "./api";

export const { init, identify, track, page, reset, pause, resume, onMessage, render, flush, person } = createNunchi();
