/**
 * Where the rows of a very long list are, and which of them are seen. All rows are equally high.
 *
 * Browsers draw nothing below some ten million pixels, so a longer list scrolls in an element that is
 * lower than the list: near both ends a pixel is a pixel, between them a jump is stretched. Small
 * steps are exact everywhere: they keep the distance between the two until scrolling rests.
 */

/** No element is higher; half of what browsers take at 200 % zoom. */
export const HEIGHT_MAX = 6_000_000;
/** Further than so many views is a jump: of the bar, as no wheel goes that far at once. */
const JUMP_VIEWS = 3;
/** So far from both ends nothing is stretched. */
const EXACT = 200_000;

export interface Extent {
  rows: number;
  rowHeight: number;
  /** The height of what is seen of them. */
  view: number;
}

/** Where one is: the element's scroll position, and by how much the list is ahead of it. */
export interface Place {
  scrollTop: number;
  shift: number;
}

export const TOP: Place = { scrollTop: 0, shift: 0 };

/** The height of all rows. */
export function listHeight({ rows, rowHeight }: Extent): number {
  return rows * rowHeight;
}

/** The height of the element that scrolls. */
export function elementHeight(extent: Extent): number {
  return Math.min(listHeight(extent), HEIGHT_MAX);
}

/** The first pixel of the list that is seen. */
export function pixelOf(place: Place): number {
  return place.scrollTop + place.shift;
}

/** The place that shows this pixel of the list first. */
export function placeOf(pixel: number, extent: Extent): Place {
  const y = Math.min(Math.max(0, pixel), lastPixel(extent));
  const scrollTop = toElement(y, extent);
  return { scrollTop, shift: y - scrollTop };
}

/** The place after the element was scrolled: a small step goes as far in the list, a jump is stretched. */
export function scrolledTo(scrollTop: number, from: Place, extent: Extent): Place {
  const last = lastScroll(extent);
  if (scrollTop <= 0) return TOP;
  if (scrollTop >= last) return { scrollTop, shift: lastPixel(extent) - last };
  if (Math.abs(scrollTop - from.scrollTop) > JUMP_VIEWS * extent.view) return { scrollTop, shift: toList(scrollTop, extent) - scrollTop };
  const y = Math.min(Math.max(0, scrollTop + from.shift), lastPixel(extent));
  return { scrollTop, shift: y - scrollTop };
}

/** The rows that are seen, and some on both sides: from the first up to before the last. */
export function rowsAt(place: Place, extent: Extent, margin: number): { first: number; end: number } {
  const y = pixelOf(place);
  const first = Math.max(0, Math.floor(y / extent.rowHeight) - margin);
  return { first, end: Math.min(extent.rows, Math.ceil((y + extent.view) / extent.rowHeight) + margin) };
}

/** The pixel to go to so that a row is wholly seen, without a step where it is. */
export function pixelShowing(row: number, place: Place, extent: Extent): number {
  const y = pixelOf(place);
  const top = row * extent.rowHeight;
  if (top < y) return top;
  return top + extent.rowHeight > y + extent.view ? top + extent.rowHeight - extent.view : y;
}

function lastPixel(extent: Extent): number {
  return Math.max(0, listHeight(extent) - extent.view);
}

function lastScroll(extent: Extent): number {
  return Math.max(0, elementHeight(extent) - extent.view);
}

/** Stretches a position of the element to the list's. */
function toList(scrollTop: number, extent: Extent): number {
  const [list, element] = [lastPixel(extent), lastScroll(extent)];
  if (list === element || scrollTop <= EXACT) return scrollTop;
  if (scrollTop >= element - EXACT) return list - (element - scrollTop);
  return EXACT + ((scrollTop - EXACT) * (list - 2 * EXACT)) / (element - 2 * EXACT);
}

function toElement(y: number, extent: Extent): number {
  const [list, element] = [lastPixel(extent), lastScroll(extent)];
  if (list === element || y <= EXACT) return y;
  if (y >= list - EXACT) return element - (list - y);
  return EXACT + ((y - EXACT) * (element - 2 * EXACT)) / (list - 2 * EXACT);
}
