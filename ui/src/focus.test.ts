import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepFocus } from './focus';

let stop = () => {};

/** Changes of the document are told a moment later. */
const told = () => new Promise((resolve) => setTimeout(resolve, 5));
const find = (id: string) => document.getElementById(id)!;
const at = () => document.activeElement?.id ?? '';

async function show(html: string): Promise<void> {
  document.body.innerHTML = html;
  await told();
}

/** Goes there, and loses the keyboard as browsers do it. */
async function lose(id: string, how: (element: HTMLElement) => void): Promise<void> {
  const element = find(id);
  element.focus();
  how(element);
  if (at() === id) element.blur();
  await told();
}

beforeEach(() => {
  stop = keepFocus();
});
afterEach(() => {
  stop();
  document.body.innerHTML = '';
});

describe('the keyboard', () => {
  it('comes back to a button that was switched off while it worked', async () => {
    await show('<main><button id="other">Other</button><button id="save">Save</button></main>');
    await lose('save', (save) => {
      save.blur();
      save.setAttribute('disabled', '');
    });
    expect(at()).toBe('');
    find('save').removeAttribute('disabled');
    await told();
    expect(at()).toBe('save');
  });

  it('goes on at what stands in the place of what is gone', async () => {
    await show('<main><button id="other">Other</button><div id="place"><button id="install">Keep it running</button></div></main>');
    await lose('install', (install) => {
      install.remove();
      find('place').innerHTML = '<button id="remove">Remove</button>';
    });
    expect(at()).toBe('remove');
  });

  it('goes back to the button that opened what is gone', async () => {
    await show('<main><section><h2 tabindex="-1" id="title">Budget</h2><div><button id="raise">Raise</button><button id="delete">Delete</button><p><button id="keep">Keep it</button></p></div></section></main>');
    find('delete').focus();
    await lose('keep', (keep) => keep.parentElement!.remove());
    expect(at()).toBe('delete');
  });

  it('goes to the heading where nothing is beside it', async () => {
    await show('<h1 tabindex="-1" id="page">Alerts</h1><main><section id="list"><h2 tabindex="-1" id="title">To look at</h2><ul><li><button id="seen">Seen</button></li></ul></section></main>');
    await lose('seen', (seen) => seen.parentElement!.remove());
    expect(at()).toBe('title');
    await lose('title', () => find('list').remove());
    expect(at()).toBe('page');
  });

  it('goes on where the opener of a closed dialog stood', async () => {
    await show('<main><ul><li><button id="first">First</button></li><li id="row"><button id="connect">Connect</button></li></ul><dialog id="dialog"></dialog></main>');
    const dialog = find('dialog') as HTMLDialogElement;
    find('first').focus();
    find('connect').focus();
    dialog.open = true;
    dialog.innerHTML = '<button id="done">Done</button>';
    await lose('done', (done) => {
      find('row').innerHTML = '<button id="undo">Undo</button>';
      dialog.open = false;
      done.remove();
    });
    expect(at()).toBe('undo');
  });

  it('is not taken back from who let it go', async () => {
    await show('<main><button id="save">Save</button><p id="text">Words</p></main>');
    await lose('save', (save) => save.blur());
    find('text').textContent = 'Other words';
    find('save').remove();
    await told();
    expect(at()).toBe('');
  });
});
