-- The law of errnorm/throttling/memory.py for many processes, by the one clock that they share: this server's.
-- KEYS: of the vendor's era; then five of each bucket, the scarcest first. All lie in one slot of a cluster.
-- ARGV[1]: {what, ticket, since, share, era, again, ttl, buckets: [{window, pace, stride, requests, concurrent,
-- ended}]}; times in microseconds, since is 0 and share unknown when a ticket first asks; ended: tickets that no longer
-- wait, nor are under way; again: the answer to what the ticket asked before never came.
-- Answers {wait, since, share, under_way, era}; a wait of -1: another era than the caller knows, so its log was lost.
local asked = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local GRACE, LEASE, NAP, POLL, SETTLING, SPREAD = 300000, 120000000, 1000000, 50000, 1500000, 5000000
local GOLDEN = 0.618034
local call, max, min = redis.call, math.max, math.min

local function number(text) return text and tonumber(text) or nil end

-- A key lives as long as it can matter, and at least as long as was said before.
local function keep(key, span)
  local ttl = math.ceil(span / 1000)
  if call('PTTL', key) < ttl then call('PEXPIRE', key, ttl) end
end

-- What is known since when: a server that was restarted knows of nothing that it admitted before.
local function era_of()
  local era = call('HGET', KEYS[1], 'since')
  if not era then
    era = string.format('%.0f', now)
    call('HSET', KEYS[1], 'since', era)
  end
  keep(KEYS[1], asked.ttl)
  return era
end

local function bucket_of(place, spec)
  local first = 2 + (place - 1) * 5
  spec.log, spec.queue, spec.due = KEYS[first], KEYS[first + 1], KEYS[first + 2]
  spec.under_way, spec.said = KEYS[first + 3], KEYS[first + 4]
  spec.ttl = 2 * spec.window + LEASE
  return spec
end

-- When the one so many places back was admitted.
local function admitted(bucket, back) return number(call('ZREVRANGE', bucket.log, back, back, 'WITHSCORES')[2]) end

-- The server's clock was set back: the latest is now, and the others as long before it as they were.
local function set_right(bucket)
  local last = admitted(bucket, 0)
  if last and last > now then
    local entries = call('ZRANGE', bucket.log, 0, -1, 'WITHSCORES')
    for at = 1, #entries, 2 do call('ZADD', bucket.log, entries[at + 1] - (last - now), entries[at]) end
  end
end

local function tidy(bucket)
  for _, ticket in ipairs(call('ZRANGEBYSCORE', bucket.due, '-inf', now, 'LIMIT', 0, 1000)) do
    call('ZREM', bucket.due, ticket)
    call('ZREM', bucket.queue, ticket)
  end
  call('ZREMRANGEBYSCORE', bucket.under_way, '-inf', now)
  if bucket.requests then set_right(bucket) end
  local said = call('HMGET', bucket.said, 'paused', 'spread', 'left', 'fresh')
  bucket.paused, bucket.spread = number(said[1]) or 0, number(said[2]) or 0
  bucket.left, bucket.fresh = number(said[3]), number(said[4]) or 0
  -- for so long it is noted who is under way, for the next answer to tell
  if now >= bucket.fresh + LEASE then bucket.left = nil end
end

-- Whoever comes when nobody waits tries first what comes after a pause; the others come back over the time behind it.
local function share_of(buckets)
  if asked.since > 0 then return asked.share end
  for _, bucket in ipairs(buckets) do
    if call('ZCARD', bucket.queue) > 0 then return call('HINCRBY', KEYS[1], 'arrivals', 1) * GOLDEN % 1 end
  end
  return 0
end

-- When the pace lets it go, counted from the one who went a stride before, as far as that is known.
local function paced(bucket, rank)
  local known = call('ZCOUNT', bucket.log, string.format('(%.0f', now - bucket.window), '+inf')
  if known == 0 then return now end
  local waited = rank > 0 or call('ZSCORE', bucket.queue, asked.ticket)
  if not waited and 2 * known < bucket.requests then return now end
  local back = min(bucket.stride - rank % bucket.stride, known)
  return admitted(bucket, back - 1) + (rank + back) * bucket.pace
end

local function wait_of(bucket)
  local rank, wait = call('ZCOUNT', bucket.queue, '-inf', string.format('(%.0f', asked.since)), 0
  if bucket.requests then
    local place = rank % bucket.requests
    local rounds = (rank - place) / bucket.requests
    local entry = admitted(bucket, bucket.requests - place - 1) -- whose end makes room
    wait = (entry and max(now, entry + bucket.window) or now) + rounds * bucket.window - now
    wait = max(wait, paced(bucket, rank) - now)
  end
  local running = (bucket.concurrent or bucket.left) and call('ZCARD', bucket.under_way) or 0
  if bucket.concurrent and rank + running >= bucket.concurrent then
    wait = max(wait, min(NAP, POLL * (rank + running - bucket.concurrent + 1)))
  end
  if bucket.left and rank >= bucket.left and now < bucket.fresh then
    wait = max(wait, running > 0 and min(NAP, bucket.fresh - now) or bucket.fresh - now)
  end
  return wait
end

local function join(bucket, due)
  call('ZADD', bucket.queue, asked.since, asked.ticket)
  call('ZADD', bucket.due, due, asked.ticket)
  keep(bucket.queue, due - now + GRACE)
  keep(bucket.due, due - now + GRACE)
end

local function drop(bucket, ticket)
  if call('ZREM', bucket.queue, ticket) == 1 then call('ZREM', bucket.due, ticket) end
end

local function finish(bucket, ticket)
  drop(bucket, ticket)
  return call('ZREM', bucket.under_way, ticket)
end

-- What was booked in an answer that never came was not used.
local function unbook(bucket)
  local booked = finish(bucket, asked.ticket)
  if bucket.requests then call('ZREM', bucket.log, asked.ticket) end
  if booked == 1 and bucket.left then bucket.left = call('HINCRBY', bucket.said, 'left', 1) end
end

local function remember(bucket, moment, ticket)
  call('ZADD', bucket.log, 'NX', moment, ticket)
  keep(bucket.log, bucket.ttl)
end

local function forget(bucket)
  call('ZREMRANGEBYRANK', bucket.log, 0, -bucket.requests - 1)
end

-- Whether it is now under way, so that its end has to be told.
local function book(bucket)
  drop(bucket, asked.ticket)
  if bucket.requests then
    remember(bucket, now, asked.ticket)
    forget(bucket)
  end
  if bucket.left then call('HINCRBY', bucket.said, 'left', -1) end
  if not (bucket.concurrent or bucket.left) then return 0 end
  call('ZADD', bucket.under_way, now + LEASE, asked.ticket)
  keep(bucket.under_way, LEASE)
  return 1
end

local function pause(bucket, till, spread)
  local said = call('HMGET', bucket.said, 'paused', 'spread')
  local before, after = number(said[1]) or 0, number(said[2]) or 0
  if till <= before or till + spread <= now then return end
  -- a short pause after a long one must not call anybody back sooner than the long one did
  spread = max(spread, before + after - till)
  call('HSET', bucket.said, 'paused', string.format('%.0f', till), 'spread', string.format('%.0f', spread))
  keep(bucket.said, till - now + LEASE)
end

local function queue(buckets, at, wait)
  for place, bucket in ipairs(buckets) do
    if place <= at then join(bucket, now + wait + GRACE) else drop(bucket, asked.ticket) end
  end
  return math.ceil(wait)
end

local verbs = {}

function verbs.take(buckets, era)
  if asked.era ~= '' and asked.era ~= era then
    if asked.era ~= '?' then call('HSET', KEYS[1], 'lost', 1) end
    return {-1, '0', '0', 0}
  end
  -- after a restart the others have to tell first whom they saw admitted
  local paused = call('HGET', KEYS[1], 'lost') and tonumber(era) + SETTLING - now or 0
  for _, bucket in ipairs(buckets) do
    tidy(bucket)
    if asked.again then unbook(bucket) end
  end
  local share = share_of(buckets)
  if asked.since == 0 then asked.since = now end
  for _, bucket in ipairs(buckets) do paused = max(paused, bucket.paused + bucket.spread * share - now) end
  local since, share_said = string.format('%.0f', asked.since), string.format('%.6f', share)
  for at, bucket in ipairs(buckets) do
    local wait = max(paused, wait_of(bucket))
    if wait > 0 then return {queue(buckets, at, wait), since, share_said, 0} end
  end
  local under_way = 0
  for _, bucket in ipairs(buckets) do under_way = max(under_way, book(bucket)) end
  return {0, since, share_said, under_way}
end

-- remaining, reset: what an answer said; nothing left is a pause.
function verbs.settle(buckets)
  for _, said in ipairs(asked.said) do
    local bucket = buckets[said.bucket]
    if said.remaining <= 0 then
      pause(bucket, now + said.reset, min(SPREAD, said.reset))
    else
      local left = said.remaining - call('ZCARD', bucket.under_way)
      call('HSET', bucket.said, 'left', left, 'fresh', string.format('%.0f', now + said.reset))
      keep(bucket.said, said.reset + LEASE)
    end
  end
end

-- pause, spread, ages: what a caller remembers that this server may not.
function verbs.tell(buckets)
  for place, bucket in ipairs(buckets) do
    local known = asked.known[place]
    pause(bucket, now + known.pause, known.spread)
    for at, age in ipairs(known.ages) do remember(bucket, now - age, known.names[at]) end
    if bucket.requests then forget(bucket) end
  end
end

local buckets = {}
for place, spec in ipairs(asked.buckets) do
  buckets[place] = bucket_of(place, spec)
  for _, ticket in ipairs(spec.ended) do finish(spec, ticket) end
end
local era = era_of()
local answer = verbs[asked.what](buckets, era) or {0, '0', '0', 0}
answer[5] = era
return answer
