-- Sends the request in the file that the first argument names, again and again, its id of twelve zeros
-- replaced by a number that counts up from the second argument. Prints the counts as JSON.

local head, tail, number

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local request = file:read("*a")
  file:close()
  local first, last = request:find("000000000000", 1, true)
  head, tail = request:sub(1, first - 1), request:sub(last + 1)
  number = tonumber(args[2])
end

function request()
  number = number + 1
  return head .. string.format("%012d", number) .. tail
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('{"answered":%d,"refused":%d,"failed":%d}\n', summary.requests, errors.status, failed))
end
