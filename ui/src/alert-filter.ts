/** Which alerts the page shows, as its address says. */

import { filtered, type Filter } from './alerts';
import type { Alert, AlertTest, Severity } from './types';

/** What to show; an empty kind or severity is any. */
export interface AlertFilter {
  show: Filter;
  severity: Severity | '';
  kind: string;
}

const KIND_WORDS: Record<string, string> = {
  budget_threshold: 'Budget filling up',
  budget_refused: 'Calls refused',
  budget_overrun: 'Budget will not last',
  back_within: 'Room again',
  balance_low: 'Credit low',
  balance_runway: 'Credit running out',
  grant_expiring: 'Credit expiring',
  balance_floor: 'Credit at its floor',
  recharge_missing: 'Top-up missing',
  upstream_empty: 'Provider out of credit',
  loop: 'Client repeats itself',
  burst: 'Far more calls',
  idle_spend: 'Spend while away',
  spike: 'Far more spend',
  unpriced_model: 'Model without a price',
  stale_prices: 'Old price list',
  disk_full: 'Disk nearly full',
  logs_gone: 'Logs gone',
  clock_jumped: 'Clock was set',
  test: 'Test',
};

/** A kind of alert in a few words. */
export function kindWords(kind: string): string {
  return KIND_WORDS[kind] ?? kind.replaceAll('_', ' ');
}

/** What the address asks for; what it does not know is left out. */
export function filterOf(query: URLSearchParams): AlertFilter {
  const severity = query.get('severity') ?? '';
  return {
    show: query.get('show') === 'all' ? 'all' : 'open',
    severity: severity === 'critical' || severity === 'warning' || severity === 'info' ? severity : '',
    kind: query.get('kind') ?? '',
  };
}

/** The address for that. */
export function queryOf({ show, severity, kind }: AlertFilter): Record<string, string> {
  return { show: show === 'all' ? 'all' : '', severity, kind };
}

/** The alerts that pass, in the order of the list. */
export function chosenAlerts(alerts: readonly Alert[], filter: AlertFilter): Alert[] {
  return filtered(alerts, filter.show).filter(
    (alert) => (filter.severity === '' || alert.severity === filter.severity) && (filter.kind === '' || alert.kind === filter.kind),
  );
}

/** The kinds that there are, by what they are called; that of the filter is always among them. */
export function kindsOf(alerts: readonly Alert[], filter: AlertFilter): string[] {
  const kinds = new Set(alerts.map((alert) => alert.kind));
  if (filter.kind !== '') kinds.add(filter.kind);
  return [...kinds].sort((a, b) => kindWords(a).localeCompare(kindWords(b)));
}

/** Whether anything but open or all is chosen. */
export function isNarrowed(filter: AlertFilter): boolean {
  return filter.severity !== '' || filter.kind !== '';
}

/** What came of a test, in a sentence. */
export function testWords({ ways }: AlertTest): string {
  if (ways.length === 0) return 'No way leads to you: alerts are shown on this page alone. Turn notifications on in Settings.';
  const arrived = ways.filter((way) => way.delivered).length;
  if (arrived === ways.length) return ways.length === 1 ? 'The test arrived.' : `The test arrived on all ${ways.length} ways.`;
  return arrived === 0 ? 'The test arrived nowhere.' : `The test arrived on ${arrived} of ${ways.length} ways.`;
}
