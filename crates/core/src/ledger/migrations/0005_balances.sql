-- Accounts that refuse before the provider does, that are kept in another currency, and that are
-- topped up by the provider.

-- At or below it calls are refused.
ALTER TABLE account ADD COLUMN floor_pico INTEGER;
-- When the provider said that the money is gone, where calls are to be refused for it; NULL again when a
-- balance is set or credit is added.
ALTER TABLE account ADD COLUMN emptied_ms INTEGER;

-- The provider tops it up by `recharge_amount_pico` when it falls below `recharge_below_pico`.
ALTER TABLE account ADD COLUMN recharge_below_pico INTEGER;
ALTER TABLE account ADD COLUMN recharge_amount_pico INTEGER;
-- By when a top-up ought to have come; NULL while none is expected.
ALTER TABLE account ADD COLUMN recharge_due_ms INTEGER;
