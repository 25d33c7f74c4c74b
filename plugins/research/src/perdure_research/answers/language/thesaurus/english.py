"""English words that mean the same, or that the same fact is told with; and phrases for them."""

from typing import Final

# Each is a family: any of its words in a source answers a question that has another of them.
# They are kept close: "boil" and "melt" are alike and must not be taken for one another. What
# stands behind "<" answers for the words before it, and not the other way round.
FAMILIES: Final = """
    reach < go come get travel access; ward department clinic unit; use < employ apply; high
    tall height elevation altitude above; long length duration lasts lasted takes measures
    stretches runs span spans; deep depth; wide broad width breadth across wingspan; heavy weigh
    weight mass weighs; big large size area covers measures; far distance range away; old age
    aged; fast speed quick quickly; hot warm temperature heat; loud noise loudness; expensive
    cost price fee charge fare rent costs sells priced dear; close shut closing closes closed
    until; open opening opens opened welcome; begin start commence first starts; end finish
    cease stop ended ends until; build construct construction erect put < work lay dig; founded
    established founding; designed designer architect drew drawings plans planned; wrote author
    written writer < novelist poet novel book work; invent inventor invented; discover
    discovered discoverer discovery; lead head chair chief director boss run leads heads leader
    chairman chairwoman president; employ employee staff workforce headcount workers; work works
    staff employees employs employed; revenue turnover sales; profit earnings; buy purchase
    acquire acquired acquisition bought; allow permit allowed permitted permissible may can
    welcome admitted; need require required must necessary compulsory mandatory obligatory have;
    live inhabit reside inhabitants population; lifespan lives live life; produce manufacture
    produced; made make produce manufacture consist comprise composed contain material; lend
    loan borrow lends; win won winner winning first champion victory 1 1st; second 2 2nd; third
    3 3rd; fourth 4 4th; first 1 1st; cause because reason why due caused causes; contain hold
    include consist comprise composed; eat feed food diet; effects reactions adverse; side
    adverse; dose dosage take; treat treated against helps used use indicated; store keep kept
    stored storage; licence license licensed; call stop calls stops; run runs operate operates
    service running; depart leave departs departure leaves sails; arrive arrival arrives reach;
    crossing journey trip passage; ship boat ferry vessel fleet ms sloop; company firm
    corporation business; town city municipality; boss chief executive ceo; headquarters seat
    based headquartered; climb ascend ascent climbed; elect elected election; vote votes voted;
    approve approved adopt adopted accept accepted; reject rejected refuse refused; salary wage
    wages; phone telephone; email mail; outage blackout cut failure failed fail; population
    inhabitants residents; doctor physician; car vehicle automobile; movie film; bike bicycle
    cycle; kid child; illness disease; drug medicine medication tablet tablets; forbidden
    prohibited banned; us usa america american; uk britain british; mistake error; replace
    replaced replacement; destroyed destroys ruined; harm harms damage damages hurt; belong
    owned owner owns; increase rise grow rose; decrease fall drop decline; buried grave; married
    wife husband; site place; harbour harbor port; color colour; annual yearly; lower lowers
    reduce reduces decrease; raise raises increase increases; home house; reach reached; rule
    rules; photograph photo picture photos photographs; toilet lavatory restroom; shop store;
    autumn fall; opened opening inaugurated; percentage share percent per; hibernate sleep
    sleeps; winter winters; offspring young eggs litter litters cubs; rebuilt reconstruction
    rebuilding reconstructed; languages spoken; cover covers covered include includes included
    exclude excludes excluded; participate participated participants part; complete completed
    finish finished; kill killed die died deaths fatalities victims; hurt injured wounded injury
    injuries; study studied attend attended graduated; succeed succeeded successor < follow
    replace; predecessor preceded < succeed successor follow replace; earn earns salary paid;
    deadline due; launch launched release released introduced; student students pupil pupils;
    visitor visitors guest guests; protect protects prevent prevents; repair repaired fix fixed;
    painter painted paints; composer composed; delay delayed late; cancel cancelled canceled;
    stolen theft thief; steer steered captain; smell smells odour; sold sells seller; tenant
    tenants renter; trial study; answer answers reply replies; nickname nicknamed; crowned
    coronation; distributed licensed; founded founder establish establishment < start begin
    launch endow create open; create creator < develop write build invent; develop developer <
    create write build; discover discoverer < find identify spot detect locate; find discover <
    detect identify spot uncover; detect find discover notice; died death < kill drown perish
    fatality; retreat < shrink recede withdraw; shrink recede retreat; resign < quit leave
    retire; appoint < become elect name; become < appoint elect; publish issue < appear release
    print; release publish issue appear; appear publish release; bankrupt bankruptcy insolvent
    insolvency; destroy demolish dismantle raze destruction demolition; demolish < remove;
    remove removal dismantle delete abolish; flood flooding flooded inundate; relocate move
    transfer moved; rename renamed < call; merge merger amalgamate; cancel cancellation abandon;
    postpone < delay defer move; restore renovate refurbish restoration renovation refurbishment
    modernise modernize; restore < repair rebuild; electrify electrification < electricity
    electric; receive get award obtain; award prize; object oppose criticise criticize complain
    objection opposition criticism complaint protest; agree consent approve approval agreement;
    occur happen; convict sentence conviction; compensate compensation refund reimburse damages
    reimbursement; hire rent; mend repair; clean wash wipe; brood incubate incubation hatch;
    breed nest nesting breeding; carry transport convey carriage; enter access entry entrance
    admission; stay lodge lodging accommodation; collect fetch collection gather; discard
    dispose disposal; announce announcement; contact < call phone telephone reach; book reserve
    reservation booking; join membership member; worker labourer laborer workman < employee
    builder; transmit spread contagious infect infectious catch transmission passed; protect
    protection immune immunity; vaccine vaccination vaccinate injection jab; cure treat therapy
    remedy treatment; maximum max limit < most; minimum min < least; average mean typical
    typically; main chief principal primary major; famous renowned celebrated; genuine authentic
    real; recognise recognize identify distinguish tell; former previous earlier previously
    formerly; abroad overseas export foreign exports; underground subterranean; ill sick; entire
    whole total overall full altogether; route line track path course trail; street road lane
    avenue; novel book title publication < work; competition contest tournament race; guarantee
    warranty; instructions manual; fault defect bug; motor engine; coach bus; plane aircraft
    airplane aeroplane; purpose aim goal objective; law regulation; flat apartment; vacancy
    vacant; judgment judgement ruling verdict; judge < decide rule; lawyer attorney solicitor;
    disease illness infection sickness; capacity hold seat accommodate seats; accommodate seat
    hold capacity; spectator audience attendance attend crowd onlooker; passenger traveller
    traveler; weather climate; money funds; fund finance sponsor funding sponsored paid; donate
    give gift donor donation bequeath present; teach teacher instruct instructor lecturer;
    spouse wife husband married; manage manager managed managing < run lead; lead < manage run
    direct; origin originate; goods freight cargo; garment clothes clothing dress; wood timber
    wooden; stone rock masonry; thunderstorm storm; shore coast beach; stream brook creek; crop
    harvest yield; soldier troops troop army military; tax duty levy; crime offence offense;
    holiday vacation; luggage baggage; ticket fare; lift elevator; rubbish garbage waste trash
    refuse; pavement sidewalk; petrol gasoline fuel; chemist pharmacy; discount reduction
    rebate; subsidy grant subsidies; debt owe owes; loss deficit; expenditure spending expense
    expenses expenditures; estimate forecast expect expected; pick choose select selected;
    quarrel dispute argument; prove proof evidence; mix stir blend; soak steep; attach fasten
    fix mount; connect link join; option setting parameter; encrypt encryption cipher; cipher
    algorithm; overwrite override; slow slowly; quiet silent silence; often frequently
    frequency; rarely seldom; nearly almost; enough sufficient; nickname known; birthplace born;
    vote voting ballot; candidate contender; parliament assembly; debate discuss discussion;
    propose proposal suggest motion; decide decision resolve resolved determine; warn warning
    caution; damage harm; injure wound; rescue save; escape flee fled; arrest detain detained;
    steal rob robbery; explode explosion blast; collide collision crash accident; derail
    derailment; leak spill; pollute pollution contaminate contamination; taste flavour flavor;
    thick thickness; bury buried burial; endanger threaten threat endangered threatened;
    predator prey hunt enemy; leaf foliage; ripen mature maturing < age aged; ferment
    fermentation; pregnant pregnancy; adult grown; baby infant newborn; surgery operation
    surgical; pain ache; allergy allergic; prescribe prescription; inspect examine check
    inspection examination; calculate compute calculation; observe observation; experiment trial
    study test; researcher scientist; degree diploma; exhibit display show exhibition shown;
    display show exhibit; perform play performance; actor actress cast star; shoot film shot;
    translate translation translated; chapter section; reader readership; newspaper paper;
    journalist reporter; parcel package; sender send; website site; station stop; timetable
    schedule; journey ride trip travel travelling; summit peak; border boundary frontier; inn
    pub tavern; tenancy lease; sublet subletting; evict eviction; insurance insure insured
    insurer; retire retirement; volunteer voluntary; apprentice trainee; supplier supply
    supplies; customer client buyer; competitor rival; brand trademark; factory plant < works;
    machine device apparatus; tool instrument implement; accurate accuracy precise precision;
    fast quick rapid speed; ancient old; dating dated; excavation dig excavate; pottery pot;
    legend myth; custom tradition; festival celebration feast; procession parade; prize trophy;
    team squad; match game; defeat beat lose; referee umpire; difficult hard difficulty;
    profession occupation job trade; centre center downtown < city; crossed across; lose < sink
    destroy perish miss; participate participated participants part < start compete enter sail
    join attend; mainly chiefly mostly primarily; sink wreck; travel < go tour lead fly visit
    trip; tour trip journey; conduct conductor < lead direct; night overnight; join <
    participate; absent missing
"""

# Words that together stand for another one; they are found in any of their forms.
PHRASES: Final = """
    set up: establish; put up: erect; pass away: die; carry out: do; follow after: succeed; take
    part: participate; made of: material; made from: material; as well as: and; lose life: die;
    lost their lives: die; give up: abandon; call off: cancel; put off: postpone; turn down:
    reject; step down: resign; stand down: resign; take over: succeed; take over from: succeed;
    bring out: publish; come out: publish; draw back: retreat; pull back: retreat; take down:
    demolish; pull down: demolish; tear down: demolish; knock down: demolish; blow up: explode;
    burn down: destroy; break out: begin; break out: escape; get out: escape; get away: escape;
    run away: escape; break free: escape; lay out: establish; move out: leave; give away: leave;
    get rid of: remove; pick up: collect; hand in: return; hand over: deliver; give back:
    return; pay back: refund; bring back: return; get back: refund; money back: refund; throw
    away: discard; look after: care; bring up: raise; find out: discover; point out: mention;
    shut down: close; close down: close; wind up: close; start up: begin; go up: increase; go
    down: decrease; cut down: reduce; look for: seek; live on: eat; feed on: eat; prey on: eat;
    sit on: brood; lead to: cause; bring about: cause; result in: cause; account for: cause;
    give rise to: cause; give way to: replace; make up: consist; consist of: comprise; belong
    to: own; sign up: register; fill in: complete; at most: maximum; up to: maximum; no more
    than: maximum; not more than: maximum; not exceed: maximum; at least: minimum; no less than:
    minimum; no fewer than: minimum; a day: daily; per day: daily; each day: daily; every day:
    daily; a week: weekly; per week: weekly; every week: weekly; each week: weekly; a month:
    monthly; per month: monthly; every month: monthly; each month: monthly; a year: yearly; per
    year: yearly; every year: yearly; each year: yearly; an hour: hourly; per hour: hourly;
    every hour: hourly; of all: total; in all: total; best known: famous; well known: famous;
    known as: called; go by: called; free of charge: free; in charge: head; go bankrupt:
    bankruptcy; side effect: reaction; go on sale: launch; on sale: sell; come into use: open;
    come into force: begin; take effect: begin; take office: appoint; take place: happen; do not
    take: unsafe; not use: unsafe; must not be taken: unsafe; let in: admit; leave behind:
    abandon; run out: end; die out: extinct; go extinct: extinct; dry up: dry; make of:
    material; by means of: use; due to: cause; on foot: walk; by hand: manual; in writing:
    written; under way: begin; below ground: underground; work out: calculate; write down:
    record; drop out: abandon; fall ill: infect; come down with: infect; give birth: born; come
    into the world: born; come from: origin; look like: resemble; turn into: become; convert
    into: become; make into: become; used to be: former; out of order: broken; out of service:
    broken; out of action: broken; come to light: find; come to be: become; come back: return;
    no longer: former; go to: win; go on: continue; carry on: continue; keep on: continue; stand
    for: mean; take care: care
"""
