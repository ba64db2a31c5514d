CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL, item TEXT NOT NULL, paid_cents INTEGER NOT NULL, bought_on TEXT NOT NULL
);
-- The key is the call's: the same call pays once, also after a crash.
CREATE TABLE IF NOT EXISTS refunds (
    key TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders (id), cents INTEGER NOT NULL CHECK (cents > 0)
);
CREATE TABLE IF NOT EXISTS tickets (id TEXT PRIMARY KEY, customer TEXT NOT NULL, order_id TEXT);
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, ticket TEXT NOT NULL, turn INTEGER NOT NULL, message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of_a_ticket ON messages (ticket, seq);
CREATE TABLE IF NOT EXISTS help_pages (id TEXT PRIMARY KEY, document TEXT NOT NULL, passages TEXT NOT NULL);
