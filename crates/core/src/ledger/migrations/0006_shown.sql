-- What an answer showed of what it generated, as streams are counted while they pass: beside what it was
-- billed for it tells whether streams of its model can be watched. NULL where the answer does not tell.
ALTER TABLE call ADD COLUMN output_shown_tokens INTEGER;
