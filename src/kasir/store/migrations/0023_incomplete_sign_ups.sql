-- A paid sign-up whose token was recorded before its payment got its pspReference was never looked at
-- again. All incomplete subscriptions without a planned turn are made due now.
UPDATE subscription SET due_at = now() WHERE state = 'incomplete' AND due_at IS NULL;
