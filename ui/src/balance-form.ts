/** What is typed about prepaid credit: checked, and put as the API takes it. */

import * as money from './money';
import { amountTyped } from './typed';
import type { Balance } from './types';

/** A field's value for the API, or what is wrong with it. */
export type Typed = Checked<string>;
type Checked<T> = { value: T; problem: null } | { value: null; problem: string };

const OFF = /^(off|none|no|never)?$/i;

/** Where each provider shows what is left. */
const BILLING_PAGES: Record<string, string> = {
  openai: 'https://platform.openai.com/settings/organization/billing',
  anthropic: 'https://console.anthropic.com/settings/billing',
  gemini: 'https://console.cloud.google.com/billing',
  vertex: 'https://console.cloud.google.com/billing',
  openrouter: 'https://openrouter.ai/settings/credits',
  deepseek: 'https://platform.deepseek.com/top_up',
  moonshot: 'https://platform.moonshot.ai/console',
  mistral: 'https://console.mistral.ai',
  groq: 'https://console.groq.com/settings/billing',
  xai: 'https://console.x.ai',
  together: 'https://api.together.ai/settings/billing',
  fireworks: 'https://app.fireworks.ai',
  cohere: 'https://dashboard.cohere.com/billing',
  cerebras: 'https://cloud.cerebras.ai',
  azure: 'https://portal.azure.com',
  bedrock: 'https://console.aws.amazon.com/billing',
};

/** Accounts that are offered where there is none yet. */
export const USUAL_ACCOUNTS = ['openai', 'anthropic', 'gemini', 'openrouter', 'deepseek', 'mistral', 'groq', 'xai'];

/** The page of an account's provider; `null` where it is not known. An account may have a name of its own: `openai:work`. */
export function billingPage(account: string): string | null {
  return BILLING_PAGES[account.toLowerCase().split(/[^a-z]/, 1)[0] ?? ''] ?? null;
}

/** An amount of credit. */
export function amountOf(text: string): Typed {
  const amount = amountTyped(text.replace(/(?<=\d),(?=\d{3}\b)/g, ''));
  if (amount === null) return wrong('Write an amount, such as 12.40.');
  return { value: amount, problem: null };
}

/** When to warn: below an amount (`5`), below a share (`20%`), hours or days before it is empty (`12h`, `2d`), or `off`. */
export function warnOf(text: string): Typed {
  const level = text.trim();
  if (OFF.test(level)) return { value: '', problem: null };
  const share = /^(\d{1,3})\s*%$/.exec(level);
  if (share) {
    const percent = Number(share[1]);
    return percent >= 1 && percent <= 100 ? { value: `${percent}%`, problem: null } : wrong('A share is from 1% to 100%.');
  }
  const ahead = /^(\d{1,4})\s*([hd])$/i.exec(level);
  if (ahead) return { value: `${ahead[1]}${ahead[2]?.toLowerCase()}`, problem: null };
  const amount = amountOf(level);
  return amount.problem === null ? amount : wrong('Write an amount (5), a share (20%), hours before it is empty (12h), or off.');
}

/** The level at which calls are refused, or `off`. */
export function floorOf(text: string): Typed {
  if (OFF.test(text.trim())) return { value: '', problem: null };
  const amount = amountOf(text);
  return amount.problem === null ? amount : wrong('Write an amount (1), or off.');
}

/** A top-up that the provider makes by itself, `20 when below 5`, or `off`. */
export function rechargeOf(text: string): Checked<Balance['recharge'] & {} | 'off'> {
  if (OFF.test(text.trim())) return { value: 'off', problem: null };
  const [, first = '', second = ''] = /^(.*?)(?: when| if)? (?:below|under)(.*)$/i.exec(text) ?? [];
  const [amount, below] = [amountTyped(first), amountTyped(second)];
  return amount !== null && below !== null ? { value: { amount, below }, problem: null } : wrong('Write what it adds and when (20 when below 5), or off.');
}

/** The warn level as it is typed. */
export function warnTyped(balance: Balance): string {
  if (balance.warn_percent !== null) return `${balance.warn_percent}%`;
  if (balance.warn_below !== null) return plain(balance.warn_below);
  if (balance.warn_hours === null) return '24h';
  return balance.warn_hours === 0 ? 'off' : `${balance.warn_hours}h`;
}

/** The floor as it is typed. */
export function floorTyped(balance: Balance): string {
  return balance.floor === null ? 'off' : plain(balance.floor);
}

/** What the provider's figure tells about ours: `The provider shows $1.20 less than was counted here.` */
export function driftWords(counted: string, observed: string, currency: string): string {
  const drift = money.parse(observed) - money.parse(counted);
  if (drift === 0n) return 'Saved. It is what was counted here.';
  const size = money.format(drift < 0n ? -drift : drift, currency);
  return drift < 0n
    ? `Saved. That is ${size} less than was counted here: it was spent elsewhere.`
    : `Saved. That is ${size} more than was counted here.`;
}

/** The top-up as it is typed. */
export function rechargeTyped({ recharge }: Balance): string {
  return recharge === null ? 'off' : `${plain(recharge.amount)} when below ${plain(recharge.below)}`;
}

function plain(amount: string): string {
  return amount.replace(/\.00$/, '');
}

function wrong(problem: string): { value: null; problem: string } {
  return { value: null, problem };
}
