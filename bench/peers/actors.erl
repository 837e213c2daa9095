%% SPDX-License-Identifier: MIT
%% The programs of rimbench in Erlang: erl -noshell +S THREADS -run actors main NAME. Prints one number, in the unit of
%% the row of the same name (bench/compare); of round trips also p50, p99, p99.9 and p99.99.
-module(actors).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2]).

main([Name]) ->
    Told = try play(list_to_atom(Name)) catch error:function_clause -> halt(1) end,
    [io:format("~w ", [Value]) || Value <- lists:flatten([Told])],
    io:format("~n"),
    halt(0).

%% Of the server that answers requests.
init(_) -> {ok, none}.
handle_call(Question, _, State) -> {reply, Question, State}.
handle_cast(_, State) -> {noreply, State}.

%% Plays round trips and looks at the clock after each group of them: the median, and the percentiles, in nanoseconds.
trips(Count, Group, Trip) ->
    Laps = lists:sort(laps(Count div Group, Group, Trip, erlang:monotonic_time(nanosecond), [])),
    All = list_to_tuple(Laps),
    [element(1 + trunc(Share * (tuple_size(All) - 1)), All) || Share <- [0.5, 0.5, 0.99, 0.999, 0.9999]].

laps(0, _, _, _, Laps) -> Laps;
laps(Count, Group, Trip, Last, Laps) ->
    repeat(Group, Trip),
    Now = erlang:monotonic_time(nanosecond),
    laps(Count - 1, Group, Trip, Now, [(Now - Last) / Group | Laps]).

repeat(0, _) -> ok;
repeat(Count, Function) -> Function(), repeat(Count - 1, Function).

%% Seconds that a function takes.
timed(Function) ->
    Begin = erlang:monotonic_time(nanosecond),
    Function(),
    (erlang:monotonic_time(nanosecond) - Begin) / 1.0e9.

await(0, _) -> ok;
await(Count, Message) -> receive Message -> await(Count - 1, Message) end.

play('ping-pong') ->
    Self = self(),
    Echo = spawn_link(fun echo/0),
    trips(1000000, 64, fun() -> Echo ! {ping, Self}, receive pong -> ok end end);
play(request) ->
    {ok, Server} = gen_server:start_link(?MODULE, [], []),
    trips(1000000, 64, fun() -> 1 = gen_server:call(Server, 1, 10000) end);
play(publish) ->
    Members = 1000,
    N = 1000,
    Self = self(),
    Last = spawn_link(fun() -> member(Self) end),
    All = [spawn_link(fun() -> member(none) end) || _ <- lists:seq(2, Members)] ++ [Last],
    Seconds = timed(fun() -> repeat(N, fun() -> [Pid ! news || Pid <- All], receive news -> ok end end) end),
    Seconds * 1.0e9 / (Members * N);
play(timers) ->
    N = 1000000,
    Self = self(),
    timed(fun() ->
        Timers = [erlang:send_after(1000 + rand:uniform(100000), Self, due) || _ <- lists:seq(1, N)],
        All = list_to_tuple(Timers),
        [erlang:cancel_timer(element(1 + I * 7919 rem N, All)) || I <- lists:seq(0, N - 1)]
    end) * 1.0e9 / N;
play(queued) ->
    N = 1000000,
    Before = resident(),
    Sink = spawn_link(fun() -> receive never -> ok end end),
    [Sink ! {I, I, I, I} || I <- lists:seq(1, N)],
    (resident() - Before) / N;
play('bounded-buffer') ->
    Producers = 40,
    Consumers = 40,
    Items = 1000,
    Self = self(),
    Seconds = timed(fun() ->
        Buffer = spawn_link(fun() -> buffer(queue:new(), 0, queue:new(), queue:new()) end),
        [spawn_link(fun() -> produce(Items, Buffer, 0.0) end) || _ <- lists:seq(1, Producers)],
        [spawn_link(fun() -> consume(Self, Buffer) end) || _ <- lists:seq(1, Consumers)],
        await(Producers * Items, taken)
    end),
    Producers * Items / Seconds / 1.0e6;
play(banking) ->
    Accounts = 1000,
    Transfers = 50000,
    AtOnce = 256,
    Self = self(),
    All = list_to_tuple([spawn_link(fun() -> account(0) end) || _ <- lists:seq(1, Accounts)]),
    Order = fun() ->
        From = rand:uniform(Accounts),
        To = (From + rand:uniform(Accounts - 1) - 1) rem Accounts + 1,
        element(From, All) ! {transfer, Self, element(To, All), rand:uniform(100)}
    end,
    Seconds = timed(fun() ->
        repeat(AtOnce, Order),
        repeat(Transfers - AtOnce, fun() -> receive confirmed -> Order() end end),
        await(AtOnce, confirmed)
    end),
    Transfers / Seconds / 1.0e6;
play(overload) ->
    fan_in(10000, 200);
play(counting) ->
    N = 1000000,
    Counter = spawn_link(fun() -> counter(0) end),
    Seconds = timed(fun() ->
        send_many(N, Counter, up),
        Counter ! {total, self()},
        receive {total, N} -> ok end
    end),
    N / Seconds / 1.0e6;
play(mailbox) ->
    fan_in(20, 1000000);
play('thread-ring') ->
    ring(503, 5000000);
play('ring-100') ->
    ring(100, 100000);
play(flood) ->
    N = 1000000,
    Self = self(),
    Sink = spawn_link(fun() -> slow_sink(Self, N, 0, 0, 0) end),
    spawn_link(fun() -> send_bodies(N, Sink) end),
    receive {grown, Bytes} -> Bytes / 1048576 end;
play(creation) ->
    Self = self(),
    Seconds = timed(fun() ->
        spawn(fun() -> tree(Self, 1 bsl 19, 2) end),
        receive {sum, _} -> ok end
    end),
    (1 bsl 20) / Seconds / 1.0e6;
play(skynet) ->
    Self = self(),
    timed(fun() ->
        spawn(fun() -> skynet(Self, 0, 1000000) end),
        receive {sum, 499999500000} -> ok end
    end) * 1.0e3;
play('fork-join') ->
    Workers = 60,
    N = 10000,
    Self = self(),
    Seconds = timed(fun() ->
        Pids = [spawn_link(fun() -> work(N), Self ! ended end) || _ <- lists:seq(1, Workers)],
        [[Pid ! {work, 37.2} || Pid <- Pids] || _ <- lists:seq(1, N)],
        await(Workers, ended)
    end),
    Workers * N / Seconds / 1.0e6;
play(chameneos) ->
    Meetings = 200000,
    Self = self(),
    Seconds = timed(fun() ->
        [spawn_link(fun() -> creature(Self, I rem 3, 0) end) || I <- lists:seq(1, 100)],
        Sum = mall(Meetings, none, 100, 0),
        Sum = 2 * Meetings
    end),
    Meetings / Seconds / 1.0e6;
play(big) ->
    Actors = 120,
    N = 20000,
    Self = self(),
    Seconds = timed(fun() ->
        Pids = [spawn_link(fun() -> receive {all, All} -> big(Self, All, N) end end) || _ <- lists:seq(1, Actors)],
        All = list_to_tuple(Pids),
        [Pid ! {all, All} || Pid <- Pids],
        await(Actors, finished)
    end),
    Actors * N / Seconds / 1.0e6;
play(ubench) ->
    Hops = 100000,
    Self = self(),
    Seconds = timed(fun() ->
        Pids = [spawn_link(fun() -> receive {all, All} -> pinger(Self, All, Hops) end end) || _ <- lists:seq(1, 8)],
        All = list_to_tuple(Pids),
        [Pid ! {all, All} || Pid <- Pids],
        await(40, ended)
    end),
    40 * Hops / Seconds / 1.0e6;
play(spawn) ->
    N = 1000000,
    Self = self(),
    Seconds = timed(fun() -> spawn_many(N, Self) end),
    N / Seconds / 1.0e6;
play('idle-actor') ->
    N = 100000,
    Before = resident(),
    Pids = [spawn_link(fun() -> receive {over, A, B} -> {A, B} end end) || _ <- lists:seq(1, N)],
    Bytes = (resident() - Before) / N,
    [Pid ! {over, 1, 2} || Pid <- Pids],
    Bytes.

ring(Actors, Hops) ->
    First = self(),
    Last = lists:foldl(fun(_, Next) -> spawn_link(fun() -> hop(Next, First) end) end, First, lists:seq(2, Actors)),
    Seconds = timed(fun() -> Last ! Hops, hop_first(Last) end),
    Hops / Seconds / 1.0e6.

%% Twice what the sink can do: what memory grows by. A body of 256 bytes is a tuple of 32 numbers.
slow_sink(Root, N, N, Before, Most) -> Root ! {grown, Most - Before};
slow_sink(Root, N, Taken, Before, Most) ->
    receive _ -> spin(erlang:monotonic_time(nanosecond) + 500) end,
    case Taken rem (N div 64) of
        0 ->
            Now = resident(),
            slow_sink(Root, N, Taken + 1, if Taken == 0 -> Now; true -> Before end, max(Most, Now));
        _ -> slow_sink(Root, N, Taken + 1, Before, Most)
    end.
spin(Until) -> case erlang:monotonic_time(nanosecond) < Until of true -> spin(Until); false -> ok end.
send_bodies(0, _) -> ok;
send_bodies(N, Sink) -> Sink ! erlang:make_tuple(32, N), send_bodies(N - 1, Sink).

echo() -> receive {ping, From} -> From ! pong, echo() end.
%% A producer makes its next item when it has been told to; a consumer gets one when it has said that it is free.
buffer(Items, Count, Producers, Consumers) ->
    receive
        {item, Producer, Item} ->
            case queue:out(Consumers) of
                {{value, Consumer}, Rest} ->
                    Consumer ! {item, Item},
                    Producer ! more,
                    buffer(Items, Count, Producers, Rest);
                {empty, _} when Count < 50 ->
                    Producer ! more,
                    buffer(queue:in(Item, Items), Count + 1, Producers, Consumers);
                {empty, _} ->
                    buffer(queue:in(Item, Items), Count + 1, queue:in(Producer, Producers), Consumers)
            end;
        {free, Consumer} when Count =:= 0 ->
            buffer(Items, 0, Producers, queue:in(Consumer, Consumers));
        {free, Consumer} ->
            {{value, Item}, Rest} = queue:out(Items),
            Consumer ! {item, Item},
            case queue:out(Producers) of
                {{value, Producer}, Others} ->
                    Producer ! more,
                    buffer(Rest, Count - 1, Others, Consumers);
                {empty, _} ->
                    buffer(Rest, Count - 1, Producers, Consumers)
            end
    end.
produce(0, _, _) -> ok;
produce(N, Buffer, Last) ->
    Item = work_on(25, 0, Last),
    Buffer ! {item, self(), Item},
    receive more -> produce(N - 1, Buffer, Item) end.
consume(Root, Buffer) ->
    Buffer ! {free, self()},
    receive {item, Item} -> work_on(25, 0, Item), Root ! taken, consume(Root, Buffer) end.
work_on(0, _, Item) -> Item;
work_on(Left, I, Item) -> work_on(Left - 1, I + 1, Item + math:log(abs(Item) + 0.01 + I)).

%% Who pays asks who receives, and confirms to the teller when that has confirmed.
account(Balance) ->
    receive
        {transfer, Teller, To, Amount} -> To ! {credit, self(), Teller, Amount}, account(Balance - Amount);
        {credit, From, Teller, Amount} -> From ! {credited, Teller}, account(Balance + Amount);
        {credited, Teller} -> Teller ! confirmed, account(Balance)
    end.

member(To) -> receive news when To =:= none -> ok; news -> To ! news end, member(To).

counter(N) ->
    receive
        up -> counter(N + 1);
        {total, From} -> From ! {total, N}
    end.

send_many(0, _, _) -> ok;
send_many(N, To, Message) -> To ! Message, send_many(N - 1, To, Message).

hop(Next, First) ->
    receive
        0 -> First ! over;
        N -> Next ! N - 1, hop(Next, First)
    end.
hop_first(Next) ->
    receive
        over -> ok;
        0 -> ok;
        N -> Next ! N - 1, hop_first(Next)
    end.

tree(Parent, 1, _) -> Parent ! {sum, 1};
tree(Parent, Leaves, Children) ->
    Self = self(),
    [spawn(fun() -> tree(Self, Leaves div Children, Children) end) || _ <- lists:seq(1, Children)],
    Parent ! {sum, add(Children, 0)}.

skynet(Parent, Number, 1) -> Parent ! {sum, Number};
skynet(Parent, Number, Leaves) ->
    Self = self(),
    Below = Leaves div 10,
    [spawn(fun() -> skynet(Self, Number + I * Below, Below) end) || I <- lists:seq(0, 9)],
    Parent ! {sum, add(10, 0)}.

add(0, Sum) -> Sum;
add(Count, Sum) -> receive {sum, N} -> add(Count - 1, Sum + N) end.

work(0) -> ok;
work(N) -> receive {work, Theta} -> S = math:sin(Theta), true = S * S > 0, work(N - 1) end.

mall(0, none, 0, Sum) -> Sum;
mall(0, Waiting, Left, Sum) ->
    receive
        {meet, Who, _} -> Who ! closed, mall(0, Waiting, Left, Sum);
        {tally, Meetings} -> mall(0, none, Left - 1, Sum + Meetings)
    end;
mall(Meetings, none, Left, Sum) ->
    receive {meet, Who, _} -> mall(Meetings, Who, Left, Sum) end;
mall(Meetings, Waiting, Left, Sum) ->
    receive {meet, Who, Colour} -> Waiting ! {met, Who, Colour}, mall(Meetings - 1, none, Left, Sum) end.

creature(Mall, Colour, Meetings) ->
    Mall ! {meet, self(), Colour},
    receive
        {met, Other, Theirs} ->
            New = complement(Colour, Theirs),
            Other ! {change, New},
            creature(Mall, New, Meetings + 1);
        {change, New} -> creature(Mall, New, Meetings + 1);
        closed -> Mall ! {tally, Meetings}
    end.
complement(Same, Same) -> Same;
complement(A, B) -> 3 - A - B.

big(Sink, All, N) ->
    rand:seed(exsss),
    big_ping(Sink, All, N).
big_ping(Sink, _, 0) -> Sink ! finished, big_answer();
big_ping(Sink, All, N) ->
    element(rand:uniform(tuple_size(All)), All) ! {ping, self()},
    big_wait(Sink, All, N).
big_wait(Sink, All, N) ->
    receive
        {ping, From} -> From ! pong, big_wait(Sink, All, N);
        pong -> big_ping(Sink, All, N - 1)
    end.
big_answer() -> receive {ping, From} -> From ! pong, big_answer() end.

pinger(Root, All, Hops) ->
    rand:seed(exsss),
    [pass(Root, All, Hops) || _ <- lists:seq(1, 5)],
    pinger_loop(Root, All).
pinger_loop(Root, All) -> receive N -> pass(Root, All, N - 1), pinger_loop(Root, All) end.
pass(Root, _, 0) -> Root ! ended;
pass(_, All, N) -> element(rand:uniform(tuple_size(All)), All) ! N.

spawn_many(0, _) -> ok;
spawn_many(N, Self) ->
    Pid = spawn(fun() -> receive go -> Self ! gone end end),
    Pid ! go,
    receive gone -> spawn_many(N - 1, Self) end.

resident() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = string:lexemes(binary_to_list(Text), " "),
    list_to_integer(Pages) * 4096.

%% Millions of messages a second from so many senders to one.
fan_in(Senders, N) ->
    Self = self(),
    Seconds = timed(fun() ->
        Sink = spawn_link(fun() -> await(Senders * N, up), Self ! over end),
        [spawn_link(fun() -> send_many(N, Sink, up) end) || _ <- lists:seq(1, Senders)],
        receive over -> ok end
    end),
    Senders * N / Seconds / 1.0e6.
