-- Who asked a question last: alive for as long as it holds an advisory lock of this number.
ALTER TABLE question ADD COLUMN asker integer;
