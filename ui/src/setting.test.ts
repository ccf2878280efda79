import { describe, expect, it } from 'vitest';
import { daysOf, quietText, quietTimes, webhooksOf } from './setting';

describe('quiet hours', () => {
  it.each([
    ['22:00-07:00', { from: '22:00', to: '07:00' }],
    ['9:30 - 12:00', { from: '09:30', to: '12:00' }],
    ['', null],
    [null, null],
    ['late', null],
  ])('%s', (text, expected) => expect(quietTimes(text)).toEqual(expected));

  it.each([
    ['22:00', '07:00', '22:00-07:00'],
    ['22:00', '', null],
    ['22:00', '22:00', null],
  ])('from %s to %s', (from, to, expected) => expect(quietText(from, to)).toBe(expected));
});

describe('webhooks', () => {
  it('are one a line', () => expect(webhooksOf(' https://a.example/x\n\nhttp://b/y ')).toEqual({ addresses: ['https://a.example/x', 'http://b/y'] }));
  it('may be none', () => expect(webhooksOf(' ')).toEqual({ addresses: [] }));
  it('may stay, by their host', () => expect(webhooksOf('hooks.example\nhttps://b/y', ['hooks.example'])).toEqual({ addresses: ['hooks.example', 'https://b/y'] }));
  it('are addresses', () => expect(webhooksOf('hooks.example')).toEqual({ problem: '“hooks.example” is no address: it begins with https://.' }));
});

describe('days', () => {
  it.each([
    ['90', 90],
    [' 7 ', 7],
    ['0', null],
    ['-3', null],
    ['a week', null],
    ['1.5', null],
  ])('%s', (typed, expected) => expect(daysOf(typed)).toBe(expected));
});
