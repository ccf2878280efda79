import { expect, it } from 'vitest';
import type { Api } from './api';
import { Resource } from './resource.svelte';
import { Saving } from './saving.svelte';
import type { Settings } from './types';

it('tells of the last change of a field, whichever answer comes first', async () => {
  const answers: ((settings: Settings) => void)[] = [];
  const api = { changeSettings: () => new Promise<Settings>((resolve) => answers.push(resolve)) } as unknown as Api;
  const settings = new Resource<Settings>();
  const saving = new Saving(api, settings);
  const [older, newer] = [{ is: 'older' }, { is: 'newer' }] as unknown as [Settings, Settings];

  const first = saving.save('quiet', 'Quiet hours', {});
  const second = saving.save('quiet', 'Quiet hours', {});
  answers[1]?.(newer);
  expect(await second).toBe(true);
  answers[0]?.(older);
  expect(await first).toBe(true);
  expect(settings.data).toStrictEqual(newer);
  expect(saving.fields.quiet?.state).toBe('saved');

  const third = saving.save('quiet', 'Quiet hours', {});
  saving.refuse('quiet', 'They begin and end at different times.');
  answers[2]?.(newer);
  await third;
  expect(saving.problemOf('quiet')).toBe('They begin and end at different times.');
  saving.stop();
});
