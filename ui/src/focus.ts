/**
 * The keyboard is never lost: where the button that was pressed goes away, or is switched off while it works, the
 * keyboard goes on there or beside it, instead of at the top of the page.
 */

const FOCUSABLE = 'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex="0"]';
/** What had the keyboard before is looked at this far back. */
const KEPT = 8;

/** What had the keyboard, and what was around it then, the nearest first. */
interface Trail {
  element: HTMLElement;
  around: Element[];
}

/** Looks after the keyboard from now on; the returned function ends that. */
export function keepFocus(): () => void {
  let trails: Trail[] = [];
  const { body } = document;

  function remember({ target }: FocusEvent): void {
    if (!(target instanceof HTMLElement)) return;
    trails = [...trails.filter(({ element }) => element !== target), { element: target, around: aroundOf(target) }].slice(-KEPT);
  }

  /** Who clicks on nothing lets go; what goes away or is switched off is let go by the page. */
  function letGo(): void {
    setTimeout(() => {
      const last = trails.at(-1)?.element;
      if (document.activeElement === body && last?.isConnected && !isOff(last)) trails = [];
    });
  }

  function goOn(): void {
    const last = trails.at(-1);
    if (last === undefined || document.activeElement !== body) return;
    const next = last.element.isConnected ? last.element : besides(last, trails);
    if (next !== null && !isOff(next)) next.focus({ preventScroll: true });
  }

  const changes = new MutationObserver(goOn);
  changes.observe(body, { subtree: true, childList: true, attributes: true, attributeFilter: ['disabled'] });
  document.addEventListener('focusin', remember);
  document.addEventListener('focusout', letGo);
  return () => {
    changes.disconnect();
    document.removeEventListener('focusin', remember);
    document.removeEventListener('focusout', letGo);
  };
}

/** Where the keyboard goes on once something is gone: beside it, else at the heading of what it was part of. */
function besides({ around }: Trail, trails: readonly Trail[]): HTMLElement | null {
  for (const part of around) {
    if (!part.isConnected) continue;
    if (part instanceof HTMLDialogElement && !part.open) return openerOf(part, trails);
    if (part.matches('main, body')) return document.querySelector<HTMLElement>('h1[tabindex]');
    const heading = part.matches('section') ? part.querySelector<HTMLElement>('h2[tabindex]') : null;
    if (heading !== null) return heading;
    const here = [...part.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(isShown);
    if (here.length > 0) return trails.findLast(({ element }) => here.includes(element))?.element ?? here[0] ?? null;
  }
  return null;
}

/** What opened a dialog that is closed now, or what stands in its place. */
function openerOf(dialog: Element, trails: readonly Trail[]): HTMLElement | null {
  const at = trails.findLastIndex(({ around }) => !around.includes(dialog));
  const opener = trails[at];
  if (opener === undefined) return null;
  return opener.element.isConnected ? opener.element : besides(opener, trails.slice(0, at));
}

function aroundOf(element: Element): Element[] {
  const around: Element[] = [];
  for (let part = element.parentElement; part !== null; part = part.parentElement) around.push(part);
  return around;
}

function isOff(element: HTMLElement): boolean {
  return element.hasAttribute('disabled');
}

function isShown(element: HTMLElement): boolean {
  return element.closest('dialog:not([open]), [hidden]') === null;
}
